"""How much memory there is, read from made-up machines."""

from __future__ import annotations

from pathlib import Path

from rostra_models.memory import available

MEMINFO = "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n"


def machine(root: Path, **files: str) -> Path:
    for name, content in files.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return root


def test_a_machine_tells_what_can_be_had(tmp_path: Path) -> None:
    assert available(machine(tmp_path, proc__meminfo=MEMINFO)) == 8_000_000 * 1024


def test_a_container_tells_its_own_limit(tmp_path: Path) -> None:
    root = machine(tmp_path, proc__meminfo=MEMINFO)
    group = root / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("1000\n")
    (group / "memory.current").write_text("700\n")
    (group / "memory.stat").write_text("anon 400\ninactive_file 200\n")
    assert available(root) == 500


def test_a_container_without_a_limit_has_what_the_machine_has(tmp_path: Path) -> None:
    root = machine(tmp_path, proc__meminfo=MEMINFO)
    group = root / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("700\n")
    assert available(root) == 8_000_000 * 1024


def test_an_older_container_tells_its_limit_elsewhere(tmp_path: Path) -> None:
    root = machine(tmp_path, proc__meminfo=MEMINFO)
    group = root / "sys/fs/cgroup/memory"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text("2000\n")
    (group / "memory.usage_in_bytes").write_text("2500\n")
    (group / "memory.stat").write_text("total_inactive_file 100\n")
    assert available(root) == 0


def test_a_machine_that_does_not_tell_is_not_guessed_at(tmp_path: Path) -> None:
    assert available(tmp_path) is None
