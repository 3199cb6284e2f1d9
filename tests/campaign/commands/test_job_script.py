"""Job scripts that do a campaign as an array of shards, line by line."""

import os
import re
import shutil
import subprocess
import sys

import pytest

import run_experiments
from campaign.commands import job_script
from campaign.engines.cluster import options as cluster
from campaign.grid.settings import Launch
from campaign.machine import memory
from campaign.planning import survey
from campaign.planning.campaign import Campaign
from nnet.config import TrainConfig
from tests.conftest import ROOT

THREADS = (
    "OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMEXPR_NUM_THREADS=1"
    " MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=2147483647 GOMP_SPINCOUNT=1000"
)
GIVEN = "--cores 8 --jobs 4 --walltime 2:30 --memory 7GB --queue short --max-workers 6 --engine serial".split()


TINY = "mlp_small --regimes clean --image-size 8 --epochs 1 --batch-size 16 --seeds 0 1 --alpha-tests 0"


@pytest.fixture
def printed(npz, tmp_path, monkeypatch, capsys):
    """The lines of the script that a command line prints."""
    monkeypatch.chdir(tmp_path)

    def lines(scheduler: str, *more: str) -> list[str]:
        assert run_experiments.main(words(npz, "--print-job", scheduler, *more)) == 0
        return capsys.readouterr().out.splitlines()

    return lines


def words(npz, *more: str) -> list[str]:
    return [*TINY.split(), "--dataset", npz, "--checkpoint-dir", "checkpoints", *more]


def command(index: str) -> str:
    program = rf"{re.escape(sys.executable)} \S+run_experiments.py mlp_small --regimes"
    return rf"exec {program} .*--max-workers 6 --shard \${index}/4"


def test_the_script_for_slurm(printed, tmp_path):
    further = ("--directives=--account=project", "--directives=-C avx512")
    *lines, last = [line for line in printed("slurm", *GIVEN, *further) if not line.startswith("# ")]
    assert lines == [
        "#!/bin/bash",
        "#SBATCH --job-name=campaign",
        "#SBATCH --array=1-4",
        "#SBATCH --partition=short",
        "#SBATCH --nodes=1",
        "#SBATCH --ntasks=1",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --mem=7G",
        "#SBATCH --time=2:30:00",
        "#SBATCH --output=campaign-%A_%a.out",
        "#SBATCH --signal=B:TERM@60",
        "#SBATCH --account=project",
        "#SBATCH -C avx512",
        f"export {THREADS}",
        f"cd {tmp_path}",
    ]
    assert re.fullmatch(command("SLURM_ARRAY_TASK_ID"), last)
    assert not re.search("--(cores|jobs|walltime|memory|queue|engine|print-job|directives)", last)


def test_the_script_for_lsf_takes_further_lines_from_cluster_toml(printed, tmp_path):
    (tmp_path / "cluster.toml").write_text('[lsf]\ndirectives = ["-P project"]\nsetup = ["module load python"]\n')
    *lines, last = [line for line in printed("lsf", *GIVEN) if not line.startswith("# ")]
    assert lines == [
        "#!/bin/bash",
        '#BSUB -J "campaign[1-4]"',
        "#BSUB -q short",
        "#BSUB -n 8",
        '#BSUB -R "span[hosts=1]"',
        '#BSUB -R "rusage[mem=7GB]"',
        "#BSUB -W 2:30",
        "#BSUB -o campaign-%J_%I.out",
        "#BSUB -P project",
        f"export {THREADS}",
        "module load python",
        f"cd {tmp_path}",
    ]
    assert re.fullmatch(command("LSB_JOBINDEX"), last)


def test_memory_and_wall_time_follow_from_the_plan(npz, tmp_path, monkeypatch):
    configs = [TrainConfig(dataset=npz, image_size=8, batch_size=16, alpha_tests=(0,), seed=seed) for seed in range(3)]
    options = cluster.Options(jobs="2")
    campaign = survey.survey(configs, Launch(tmp_path / "results", "serial"))
    monkeypatch.setattr(memory, "with_margin", lambda need: 1024.0)  # whatever this process has taken before
    notes = job_script.fill(options, campaign, 1)
    assert options.walltime == "0:20" and re.fullmatch("[12]GB", options.memory)
    assert notes[0].startswith("planned: 3 runs, ") and not (tmp_path / "results").exists()
    monkeypatch.setattr(Campaign, "wall_s", lambda campaign, seconds: 3600.0)
    monkeypatch.setattr(memory, "with_margin", lambda need: 4096.0)
    options = cluster.Options(jobs="2")
    job_script.fill(options, campaign, 2)
    assert options.walltime in ("1:40", "1:50") and options.memory in ("8GB", "9GB")


@pytest.mark.long
def test_the_array_that_a_script_describes_is_the_campaign(printed, tmp_path):
    script = "\n".join(printed("lsf", "--jobs", "2", "--walltime", "1:00", "--memory", "2GB"))
    jobs = [subprocess.Popen(["bash", "-c", script], env=os.environ | {"LSB_JOBINDEX": index}) for index in "12"]
    assert [job.wait() for job in jobs] == [0, 0]
    assert len(list((tmp_path / "results/blobs/runs").glob("*.json"))) == 2


@pytest.mark.parametrize(
    "given, sentence",
    [
        (["--memory", "48"], "memory is a whole number of GB with its unit"),
        (["--walltime", "90"], "walltime is hours:minutes"),
        (["--jobs", "0"], "jobs is a number like 4"),
        (["--jobs", "1-4"], "a job script has a fixed number of jobs"),
        (["--cores", "0"], "cores must be at least 1"),
        (["--queue", "a b"], "queue must be a name without blanks"),
        (["--scheduler", "tcp://host:8786"], "unknown option 'scheduler' of a job"),
        (["--cluster-file", "absent.toml"], "there is no file absent.toml"),
        (["--walltime", "0:00"], "walltime is hours:minutes"),
        (["--plan"], "--plan does not go with --print-job"),
        (["--shard", "1/2"], "--shard does not go with --print-job"),
    ],
)
def test_wrong_options_are_one_sentence_and_exit_code_2(npz, tmp_path, monkeypatch, capsys, given, sentence):
    monkeypatch.chdir(tmp_path)
    try:
        code = run_experiments.main(words(npz, "--print-job", "slurm", *given))
    except SystemExit as error:  # of the parser
        code = error.code
    printed = capsys.readouterr()
    assert code == 2 and printed.out == "" and sentence in printed.err and printed.err.count("\n") == 1


def test_the_commented_example_holds_for_both_schedulers():
    for section in ("slurm", "lsf"):
        options = cluster.Options(**cluster.options(section, {}, str(ROOT / "cluster.example.toml")))
        assert options.cores > 1 and options.memory_gb and options.walltime


def test_a_section_that_no_scheduler_has_is_refused(tmp_path):
    for text, name in (("[slrum]\ncores = 4\n", "slrum"), ("queue = 'short'\n", "queue")):
        (tmp_path / "c.toml").write_text(text)
        with pytest.raises(ValueError, match=f"unknown section of .*c.toml '{name}'; choose from"):
            cluster.options("slurm", {}, str(tmp_path / "c.toml"))


def test_nothing_is_planned_where_no_run_is_left(npz, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_experiments.main(words(npz, "--engine", "serial")) == 0
    capsys.readouterr()
    assert run_experiments.main(words(npz, "--print-job", "slurm")) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and "no run is left to plan" in printed.err


PBS = '''"""Jobs of PBS."""
from campaign.engines.cluster.engine import ClusterEngine
from campaign.engines.cluster.options import Options, capacity
NEEDS = ("dask", "distributed", "dask_jobqueue")
COMMANDS = ("qsub", "qdel")
PILOT = "process"
SUBMIT = "qsub"
ARRAY_INDEX = "PBS_ARRAY_INDEX"
class Engine(ClusterEngine):
    def client(self, config):
        from campaign.engines.cluster.jobqueue import dask_jobqueue
        from campaign.engines.cluster.jobs import jobs
        return jobs(dask_jobqueue.PBSCluster, self.options, {"walltime": self.options.walltime}, config, self.workers)
def directives(options, name):
    return [f"#PBS -N {name}", f"#PBS -J 1-{options.jobs}", f"#PBS -l walltime={options.walltime}:00"]
'''


def test_another_scheduler_is_one_file(npz, tmp_path):
    """A copy of the project with one file more prints scripts for it, and knows its section of cluster.toml."""
    for name in ("nnet", "campaign", "studies"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("nnet_models.py", "run_experiments.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "campaign/engines/pbs.py").write_text(PBS)
    (tmp_path / "cluster.toml").write_text("[pbs]\nsetup = ['module load python']\n")
    given = words(npz, "--print-job", "pbs", "--jobs", "3", "--walltime", "1:00", "--memory", "2GB")
    done = subprocess.run([sys.executable, "run_experiments.py", *given], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith("# ")]
    assert lines[1:4] == ["#PBS -N campaign", "#PBS -J 1-3", "#PBS -l walltime=1:00:00"]
    assert "module load python" in lines and lines[-1].endswith("--max-workers 1 --shard $PBS_ARRAY_INDEX/3")


def test_flags_go_before_the_file(tmp_path):
    (tmp_path / "c.toml").write_text("[slurm]\ncores = 4\nqueue = 'a'\n")
    found = cluster.options("slurm", {"cores": 8, "queue": None}, str(tmp_path / "c.toml"))
    assert found == {"cores": 8, "queue": "a"}


def test_what_belongs_to_the_script_is_not_repeated():
    words = ["cnn", "--cores=3", "--seeds", "0", "1", "--jobs", "4", "--print-job", "lsf", "--epochs=2"]
    assert job_script.repeated(words) == ["cnn", "--seeds", "0", "1", "--epochs=2"]
