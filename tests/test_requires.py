import pytest

from tests.requires import requires


def test_a_program_that_is_there_is_named_by_its_full_path() -> None:
    assert requires("sh").endswith("/sh")


def test_a_missing_program_skips_on_a_laptop() -> None:
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        requires("no-such-program", environ={})


def test_a_missing_program_fails_in_ci() -> None:
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
        requires("no-such-program", environ={"CI": "true"})
