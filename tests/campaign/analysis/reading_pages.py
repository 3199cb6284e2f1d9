"""Helpers of tests of pages: what a browser would find in them."""

from html.parser import HTMLParser

WITHOUT_END = {"meta", "link", "br", "hr", "img", "input", "source", "wbr"}


class Found(HTMLParser):
    """The elements of a page, in their order; the end tags must match the start tags."""

    def __init__(self, page: bytes):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.tables: dict[str, list[list[str]]] = {}
        """The rows of each table by its heading, the names of the columns first."""
        self.text: list[str] = []
        self.headings: list[str] = []
        self._open: list[str] = []
        self.feed(page.decode())
        self.close()
        assert self._open == [], f"not closed: {self._open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in WITHOUT_END:
            self._open.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.headings.append("")
        if tag == "table":
            self.tables[self.headings[-1]] = []
        if tag == "tr":
            self.tables[self.headings[-1]].append([])
        if tag in ("th", "td"):
            self.tables[self.headings[-1]][-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open and self._open[-1] == tag, f"</{tag}> closes {self._open[-1:]}, line {self.getpos()[0]}"
        self._open.pop()

    def handle_data(self, data):
        if self._open and self._open[-1] in ("h1", "h2", "h3"):
            self.headings[-1] += data
        if {"th", "td"} & {*self._open}:
            self.tables[self.headings[-1]][-1][-1] += data
        if not {"script", "style"} & {*self._open}:
            self.text.append(data)

    def of(self, tag: str) -> list[dict]:
        """The attributes of every element of this name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def says(self, text: str) -> bool:
        """Whether a reader sees this text."""
        return text in "".join(self.text)


def needs(found: Found) -> list[str]:
    """What a page would load or lead to outside itself, and code that runs beside its one script."""
    outside = [
        f"{tag} {name}={value}"
        for tag, attributes in found.elements
        for name, value in attributes.items()
        if name.split(":")[-1] in ("src", "href", "action", "srcset", "data") and not value.startswith(("#", "data:"))
    ]
    handlers = [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    further = [tag for tag, _ in found.elements if tag in ("iframe", "object", "embed", "form", "base")]
    scripts = ["script"] * (len(found.of("script")) - 1)
    return outside + handlers + further + scripts
