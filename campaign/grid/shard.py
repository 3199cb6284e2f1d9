"""One share of a campaign, for an array of cluster jobs whose launchers write into the same folder."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nnet.checks import ConfigError
from nnet.config import TrainConfig


@dataclass(frozen=True)
class Shard:
    """Share `number` of `count`, from 1 to `count`: every `count`-th network of the list."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The shard that "2/4" means. Raises ConfigError for any other form."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        shard = cls(int(match[1]), int(match[2])) if match else None
        if shard is None or not 1 <= shard.number <= shard.count:
            raise ConfigError(f"a shard is I/N with I from 1 to N, like 2/4; got {text!r}")
        return shard

    def own(self, configs: Sequence[TrainConfig]) -> set[str]:
        """The run_ids of this share. A shard does these first, then what the other shards have not started."""
        run_ids = list(dict.fromkeys(config.run_id for config in configs))
        return set(run_ids[self.number - 1 :: self.count])

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
