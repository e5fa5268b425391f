"""A SLURM of one node on loopback, started by hand in a temporary folder and stopped by the pids of its daemons."""

import getpass
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo", "setpriv")

# `config_overrides`: the node has the processors and memory written here, so that it takes the profile as it is.
# MinJobAge: every job's record stays until the end.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={slurmctld_port}
SlurmdPort={slurmd_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={folder}/task_prolog
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
MinJobAge=86400
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=256000 Gres=gpu:1 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES State=UP
PartitionName=gpu Nodes={host} State=UP
"""


def missing():
    """Programs that are not installed."""
    return [name for name in PROGRAMS if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")]


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """A context with a running SLURM.

    Parameters
    ----------
    folder : Path of an empty folder of a short name (a socket's path has 107 characters at most)
    """

    def __init__(self, folder):
        self.folder, self.daemons = Path(folder), []
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}
        self.environment["PATH"] = f"{self.folder}/bin:{os.environ['PATH']}:/usr/sbin:/sbin"

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def _start(self):
        folder, host = self.folder, socket.gethostname().split(".")[0]
        for name in ("spool", "state", "bin"):
            (folder / name).mkdir()
        # the socket is for every user, in SLURM's eyes
        folder.chmod(0o755)
        values = {"folder": folder, "host": host, "user": getpass.getuser()}
        ports = {"slurmctld_port": _free_port(), "slurmd_port": _free_port()}
        (folder / "slurm.conf").write_text(CONFIGURATION.format(**values, **ports))
        # any character device serves as a GPU that is counted and never used
        (folder / "gres.conf").write_text("Name=gpu File=/dev/zero\n")
        # what each job step sees of GPUs
        self._script("task_prolog", f'echo "$SLURM_JOB_ID ${{CUDA_VISIBLE_DEVICES-none}}" >> {folder}/visible')
        # inside a job the plugin drops SLURM_CONF, without which srun looks in /etc/slurm
        srun = shutil.which("srun")
        self._script("bin/srun", f'SLURM_CONF={folder}/slurm.conf exec {srun} "$@"')
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        munge = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        self._daemon("munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *munge)
        self._wait(lambda: (folder / "munge.socket").exists(), "munged's socket")
        self._daemon("slurmctld", "-D")
        self._daemon("slurmd", "-D", "-N", host)
        self._wait(lambda: "idle" in self.run("sinfo", "--noheader", "--format=%T", check=False), "an idle node")

    def _script(self, name, line):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def _daemon(self, *command):
        """Start a daemon that ends with this process, even if that is killed."""
        with (self.folder / f"{command[0]}.out").open("w") as output:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        self.daemons.append(process)

    def _wait(self, ready, what, seconds=60):
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                said = [f"{path.name}: {path.read_text()[-2000:]}" for path in sorted(self.folder.glob("*.out"))]
                raise TimeoutError(f"SLURM: expected {what} within {seconds} s, found none\n" + "\n".join(said))
            time.sleep(0.2)

    def run(self, *command, check=True):
        """What a SLURM command prints."""
        result = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=check)
        return result.stdout

    def jobs(self):
        """Records of all jobs, as `scontrol show job` has them, in the order of submission: dicts of strings."""
        records = self.run("scontrol", "show", "job", "--oneliner", "--details", check=False).splitlines()
        found = [dict(re.findall(r"(\w+(?:/\w+)?)=(\S*)", record)) for record in records if record.startswith("JobId=")]
        return sorted(found, key=lambda record: int(record["JobId"]))

    def visible_devices(self):
        """Job id -> CUDA_VISIBLE_DEVICES of its steps (`none` where there is no such variable)."""
        lines = (self.folder / "visible").read_text().splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def stop(self):
        """Cancel what still runs, then stop the daemons, the last one first."""
        if len(self.daemons) == 3:
            self.run("scancel", "--user", getpass.getuser(), check=False)
            deadline = time.monotonic() + 30
            while self.run("squeue", "--noheader", check=False).strip() and time.monotonic() < deadline:
                time.sleep(0.5)
        while self.daemons:
            process = self.daemons.pop()
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
