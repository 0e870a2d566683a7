"""The peak table as `hwsim arch show` prints it."""

import pytest
import yaml

from codesign.peak import peak_json, peak_text
from hwsim.chip.load import load_arch
from hwsim.errors import SpecError


def test_isaacs_published_totals_stand_in_the_printed_table() -> None:
    lines = [line.split() for line in peak_text(load_arch("isaac")).splitlines()]
    totals = {line[1]: line[-4:] for line in lines if len(line) > 2 and line[2] == "total"}
    assert totals["group"] == ["24.08", "mW", "0.01312", "mm2"]
    assert totals["cluster"] == ["329.8", "mW", "0.3723", "mm2"]
    assert totals["chip"] == ["65.81", "W", "85.42", "mm2"]


def test_the_printed_table_is_a_comment_to_yaml() -> None:
    arch = load_arch("emt")
    text = arch.to_yaml() + peak_text(arch)
    assert yaml.safe_load(text) == yaml.safe_load(arch.to_yaml())


def test_an_architecture_without_a_number_of_clusters_has_no_chip_lines() -> None:
    levels = {line["level"] for line in peak_json(load_arch("emt"))}
    assert levels == {"group", "cluster"}


def test_an_unknown_technology_is_named() -> None:
    with pytest.raises(SpecError, match=r"technology: expected one of .*, found 'isac-32nm'"):
        peak_text(load_arch("isaac").replace(technology="isac-32nm"))
