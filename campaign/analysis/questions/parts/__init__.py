"""Code of questions that is long, or shared."""
