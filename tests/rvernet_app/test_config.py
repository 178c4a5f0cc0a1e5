"""Options of the app and the environment variables that set them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from rvernet_app.config import ASSETS_DIR, CAM_METHODS, FOLDERS, NO_HOME, AppConfig, is_loopback
from rvernet_app.errors import ConfigError, RvernetError


def test_an_empty_environment_gives_the_defaults() -> None:
    assert AppConfig.from_env({}) == AppConfig()
    assert AppConfig().segmenter == "auto"
    assert ASSETS_DIR in Path(AppConfig().checkpoint).parents


def test_every_field_is_read_from_the_environment() -> None:
    environ = {
        "RVERNET_SEGMENTER": "vit_b",
        "RVERNET_CHECKPOINT": "/models/meals",
        "RVERNET_CAM_METHOD": "layercam",
        "RVERNET_DEVICE": "cuda:1",
        "RVERNET_WEIGHTS_DIR": "/weights",
        "RVERNET_PHOTOS_DIR": "/photos",
        "RVERNET_MAX_PHOTO_MB": "12.5",
        "RVERNET_MAX_PHOTO_MEGAPIXELS": "24",
        "RVERNET_DECODING_MB": "800",
        "RVERNET_EMBEDDING_CACHE_MB": "64",
        "RVERNET_HOST": "0.0.0.0",
        "RVERNET_PORT": "8080",
        "RVERNET_DATA_DIR": "/data",
        "RVERNET_DATABASE_URL": "postgresql://db/meals",
        "RVERNET_IMPORT_DIR": "/photos/new",
        "RVERNET_HUB_DATASET": "ann/meals",
        "RVERNET_ADMINS": "ann, ben",
        "RVERNET_SESSION_IDLE_HOURS": "2",
        "RVERNET_SESSION_HOURS": "24",
        "RVERNET_HOSTS": "meals.example, meals.example:8443",
        "RVERNET_PROXIES": "127.0.0.1",
        "RVERNET_OPEN_TO_ALL": "yes",
        "RVERNET_VISITOR_UPLOAD_MB": "500",
        "RVERNET_ALL_UPLOADS_MB": "5000",
        "RVERNET_MIN_FREE_MB": "100",
    }
    assert set(environ) == {f"RVERNET_{field.name.upper()}" for field in fields(AppConfig)}

    assert AppConfig.from_env(environ) == AppConfig(
        segmenter="vit_b",
        checkpoint="/models/meals",
        cam_method="layercam",
        device="cuda:1",
        weights_dir=Path("/weights"),
        photos_dir=Path("/photos"),
        max_photo_mb=12.5,
        max_photo_megapixels=24.0,
        decoding_mb=800.0,
        embedding_cache_mb=64.0,
        host="0.0.0.0",
        port=8080,
        data_dir=Path("/data"),
        database_url="postgresql://db/meals",
        import_dir="/photos/new",
        hosts="meals.example, meals.example:8443",
        proxies="127.0.0.1",
        open_to_all=True,
        visitor_upload_mb=500.0,
        all_uploads_mb=5000.0,
        min_free_mb=100.0,
        hub_dataset="ann/meals",
        admins="ann, ben",
        session_idle_hours=2.0,
        session_hours=24.0,
    )


def test_other_variables_are_ignored() -> None:
    assert AppConfig.from_env({"PORT": "1", "RVERNET_PHOTOS": "elsewhere"}) == AppConfig()


def test_folders_given_as_text_become_paths_with_the_home_folder_expanded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    config = AppConfig(weights_dir="~/weights", photos_dir="w")  # type: ignore[arg-type]  # text on purpose

    assert config.weights_dir == Path("/home/ann/weights")
    assert config.photos_dir == Path("w")


@pytest.mark.parametrize("method", CAM_METHODS)
def test_every_cam_method_is_accepted(method: str) -> None:
    assert AppConfig(cam_method=method).cam_method == method


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"cam_method": "grad-cam"}, "cam_method is one of gradcam, .*; got 'grad-cam'"),
        ({"max_photo_mb": 0}, "max_photo_mb must be above 0, got 0"),
        ({"max_photo_megapixels": -1}, "max_photo_megapixels must be above 0, got -1"),
        ({"embedding_cache_mb": float("nan")}, "embedding_cache_mb must be above 0, got nan"),
        ({"max_photo_mb": float("inf")}, "max_photo_mb must be at most 1000000000, got inf"),
        ({"port": -1}, "port must be in 0..65535, got -1"),
        ({"port": 65536}, "port must be in 0..65535, got 65536"),
    ],
)
def test_an_invalid_value_is_refused(option: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        AppConfig(**option)


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("RVERNET_PORT", "80a", "a whole number"),
        ("RVERNET_PORT", "80.5", "a whole number"),
        ("RVERNET_MAX_PHOTO_MB", "40 MB", "a number"),
    ],
)
def test_a_variable_that_is_not_a_number_is_refused(variable: str, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        AppConfig.from_env({variable: text})
    assert str(raised.value) == f"{variable} must be {expected}, got {text!r}."


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        ("RVERNET_PORT", "70000", "RVERNET_PORT must be in 0..65535, got 70000."),
        ("RVERNET_MAX_PHOTO_MB", "-1", "RVERNET_MAX_PHOTO_MB must be above 0, got -1.0."),
        ("RVERNET_EMBEDDING_CACHE_MB", "1e999", "RVERNET_EMBEDDING_CACHE_MB must be at most"),
        ("RVERNET_CAM_METHOD", "x", "RVERNET_CAM_METHOD is one of gradcam,"),
    ],
)
def test_a_variable_out_of_range_is_named(variable: str, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        AppConfig.from_env({variable: text})
    assert str(raised.value).startswith(says)


def test_an_empty_variable_counts_as_not_set() -> None:
    empty = {f"RVERNET_{field.name.upper()}": "" for field in fields(AppConfig)}
    assert AppConfig.from_env({**empty, "SPACE_ID": "", "DATABASE_URL": ""}) == AppConfig()


def test_blanks_count_as_empty() -> None:
    assert AppConfig.from_env({"RVERNET_DATA_DIR": " ", "DATABASE_URL": "\t"}) == AppConfig()


@pytest.mark.parametrize("name", FOLDERS)
def test_an_empty_folder_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is empty; name a folder"):
        AppConfig(**{name: ""})  # type: ignore[arg-type]  # text on purpose


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account without a home folder."""

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)


@pytest.mark.usefixtures("no_home")
def test_without_a_home_folder_the_data_folder_is_enough() -> None:
    config = AppConfig.from_env({"RVERNET_DATA_DIR": "d", "RVERNET_WEIGHTS_DIR": "w"})
    assert config.data_dir == Path("d")
    assert config.photos_dir == Path("d/cache/photos")
    assert config.weights_dir == Path("w")
    assert config.import_root is None


@pytest.mark.usefixtures("no_home")
def test_without_a_home_folder_the_defaults_are_where_nothing_can_be_written() -> None:
    config = AppConfig()
    for folder in (config.data_dir, config.photos_dir, config.weights_dir):
        assert NO_HOME in folder.parents


def test_with_a_home_folder_that_cannot_be_written_the_data_folder_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "absent")
    assert AppConfig.from_env({"RVERNET_DATA_DIR": "/d"}).photos_dir == Path("/d/cache/photos")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    photos = AppConfig.from_env({"RVERNET_DATA_DIR": "/d"}).photos_dir
    assert photos == tmp_path / ".cache" / "rvernet" / "photos"


def test_a_home_folder_that_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(ConfigError) as refused:
        AppConfig(data_dir=Path("~nobody-of-this-name/meals"))
    assert str(refused.value) == (
        "data_dir ~nobody-of-this-name/meals cannot be found: this account has no such home folder. "
        "Set RVERNET_DATA_DIR to a whole path."
    )


def test_the_description_of_the_options_hides_the_password() -> None:
    config = AppConfig(database_url="postgresql://ann:secret@db/foods")
    assert "secret" not in repr(config)
    assert "secret" not in str(config)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("127.0.0.2", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.4", False),
        ("meals.example", False),
    ],
)
def test_only_some_addresses_are_for_this_machine_alone(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback
    assert AppConfig(host=host).is_reachable != loopback
    assert AppConfig(host=host, hosts="meals.example").is_reachable


def test_no_folder_of_the_server_is_open_unless_it_is_named(tmp_path: Path) -> None:
    assert AppConfig().import_root is None
    assert AppConfig(import_dir=str(tmp_path)).import_root == tmp_path


@pytest.mark.parametrize(("text", "value"), [("yes", True), (" Yes ", True), ("no", False)])
def test_a_yes_is_a_yes(text: str, value: bool) -> None:
    assert AppConfig.from_env({"RVERNET_OPEN_TO_ALL": text}).open_to_all is value


@pytest.mark.parametrize("text", ["1", "true", "maybe"])
def test_other_words_are_no_answer(text: str) -> None:
    with pytest.raises(ConfigError, match="RVERNET_OPEN_TO_ALL is yes or no"):
        AppConfig.from_env({"RVERNET_OPEN_TO_ALL": text})


def test_an_ipv6_address_may_stand_in_brackets() -> None:
    assert AppConfig(host="[::1]") == AppConfig(host="::1")


def test_the_database_url_comes_from_its_own_variable_before_the_common_one() -> None:
    common = {"DATABASE_URL": "postgresql://common/db"}
    own = {"RVERNET_DATABASE_URL": "postgresql://own/db"}
    assert AppConfig.from_env(common).database_url == "postgresql://common/db"
    assert AppConfig.from_env(common | own).database_url == "postgresql://own/db"
    assert AppConfig.from_env(common | {"RVERNET_DATABASE_URL": ""}).database_url == "postgresql://common/db"


def test_on_a_space_the_page_is_served_to_other_machines() -> None:
    assert AppConfig.from_env({"SPACE_ID": "ann/meals"}).host == "0.0.0.0"
    assert AppConfig.from_env({"SPACE_ID": "ann/meals", "RVERNET_HOST": "::1"}).host == "::1"


def test_options_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        AppConfig().port = 1  # type: ignore[misc]  # frozen on purpose


def test_a_config_error_is_an_error_of_this_project() -> None:
    assert issubclass(ConfigError, RvernetError)
