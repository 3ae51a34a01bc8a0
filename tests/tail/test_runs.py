import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.tail.runs import name_runs, slurm_job_id


@pytest.mark.parametrize(
    ("path", "run"),
    [
        ("slurm-13503904.out", "13503904"),
        ("logs/topoflow_full_finetune_13503904.out", "13503904"),
        ("train_13503904_7.out", "13503904_7"),
        ("train_13503904_7.err", "13503904_7"),
        ("finetune_100_13503904.out", "13503904"),
        ("slurm-13503904_4294967294.out", "13503904"),
        ("run-123.log", "123"),
        ("run-12.log", "run-12"),
        ("lr_0.001.out", "lr_0.001"),
        ("job_123.7.out", "123"),
        ("13503904_rank3.out", "13503904"),
        ("x_rank3.out", "x"),
        ("x.rank0.log", "x"),
        ("x_local_rank_2.log", "x"),
        ("straggle_gpt2_rank0.log", "straggle_gpt2"),
        ("slurm-13503904.out.gz", "13503904"),
        ("train.o123456", "123456"),
        ("train.log", "train"),
        ("noending", "noending"),
        ("2024-06-01.log", "2024-06-01"),
        ("/var/x/rank0.log", "x"),
        ("-", "stdin"),
        ("a\x1b[31mb\n.out", "a_[31mb_".replace("[", "_")),
    ],
)
def test_a_run_is_named_by_the_file(path: str, run: str) -> None:
    assert {path: run} == name_runs([path])


@pytest.mark.parametrize(
    "paths",
    [
        ("slurm-123.out", "slurm-123.err"),
        ("logs/out/train_13503904.out", "logs/err/train_13503904.err"),
        ("out/train_123_4.out", "err/train_123_4.err"),
        ("stdout/train.out", "stderr/train.err"),
        ("train.out", "train.err"),
        ("home/slurm-13503904.out", "project/logs/metrics_13503904.log"),
        ("x.rank0.log", "x.rank1.log"),
        ("job_123.7.out", "job_123.8.out", "job_123.out"),
    ],
)
def test_files_of_one_job_are_one_run(paths: tuple[str, ...]) -> None:
    assert 1 == len(set(name_runs(paths).values()))


def test_runs_of_one_name_are_told_apart_by_their_directory_or_ending() -> None:
    three = {"a/train.out": "train", "b/train.out": "b-train", "a/train.log": "train.log"}
    assert three == name_runs(list(three))
    assert {"a/seed_001.out": "001", "b/seed_001.out": "b-001"} == name_runs(["a/seed_001.out", "b/seed_001.out"])
    assert 2 == len(set(name_runs(["x/" + "n" * 300 + "1.out", "y/" + "n" * 300 + "1.out"]).values()))


NAMES = st.from_regex(r"(a|b|out|err|c/d)/(train|slurm-[0-9]{1,5}|x_rank[0-3]|x)(_[0-9]{1,4})?\.(out|err|log|rank1\.log)", fullmatch=True)


@given(st.lists(NAMES, max_size=12, unique=True), st.integers(0, 12))
def test_names_stay_when_files_are_added(paths: list[str], cut: int) -> None:
    before = name_runs(paths[:cut])
    assert before == {path: run for path, run in name_runs(paths).items() if path in before}
    backwards = name_runs(paths[::-1], known=before)
    assert before == {path: run for path, run in backwards.items() if path in before}


@given(st.lists(NAMES, max_size=12, unique=True))
def test_two_files_share_a_run_only_if_their_names_belong_together(paths: list[str]) -> None:
    named = name_runs(paths)
    alone = {path: name_runs([path])[path] for path in paths}
    for one in paths:
        for two in paths:
            if named[one] == named[two]:
                assert alone[one] == alone[two]


@pytest.mark.parametrize(
    ("run", "job"),
    [("13503904", "13503904"), ("1350_7", "1350_7"), ("13503904_0007", "13503904_7"), ("train", None), ("b-001", None), ("0", None)],
)
def test_the_job_id_is_what_slurm_calls_it(run: str, job: str | None) -> None:
    assert job == slurm_job_id(run)
