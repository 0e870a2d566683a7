"""Put the demonstration's table into the README.

python -m codesign.demo.readme
"""

from pathlib import Path

from codesign.cli.demo import comparison
from codesign.demo.story import improve, tell
from codesign.simulation import silent

README = Path(__file__).parents[2] / "README.md"
BEGIN = "<!-- hwsim demo: regenerate with `make readme` -->\n"
END = "<!-- end -->"


def with_table(document: str, table: str) -> str:
    """`document` with `table` between its markers."""
    before, rest = document.split(BEGIN)
    return f"{before}{BEGIN}```\n{table}\n```\n{END}{rest.split(END, 1)[1]}"


def main() -> None:
    """Run the demonstration and rewrite the table."""
    _, results = tell(seed=0, command="", progress=silent)
    results.append(improve(seed=0, command="", progress=silent))
    document = README.read_text(encoding="utf-8")
    README.write_text(with_table(document, comparison(results)), encoding="utf-8")


if __name__ == "__main__":
    main()
