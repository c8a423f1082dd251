"""What INC's scripts ask of the CPU."""

from inc_hf import ops
from inc_hf.benchmark.cores import SYSTEM, physical_cores


class CpuInfo:
    """The CPU that this runs on.

    Attributes:
        vnni, bf16 (`bool`): whether it multiplies in INT8, and in BF16.
        cores, sockets, cores_per_socket (`int`): physical cores that this process may use, and where they are.
    """

    def __init__(self):
        cores = physical_cores()
        self.vnni, self.bf16 = ops.has_vnni(), ops.multiplies_in_bf16()
        self.cores, self.sockets = len(cores), len({_socket_of(core[0]) for core in cores})
        self.cores_per_socket = max(self.cores // self.sockets, 1)


def _socket_of(cpu: int) -> str:
    file = SYSTEM / f"cpu/cpu{cpu}/topology/physical_package_id"
    return file.read_text().strip() if file.is_file() else "0"
