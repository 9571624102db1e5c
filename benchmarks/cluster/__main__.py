"""Ray on this machine: pictures a second on nodes of one core each, the driver's memory, and what goes wrong.

    python -m benchmarks.cluster --nodes 1 2 --pictures 100 --size 512x512 1024x1024
    python -m benchmarks.cluster --driver 100000
    python -m benchmarks.cluster --faults
    python -m benchmarks.cluster --faults node

Each node's processes are held on a core of their own; the driver runs beside them. A rate is that of the pictures
between the first fifth and the last tenth, when all workers run; `all of it` is the whole command, with its start. The
picture has a band of unknown pixels, the model is the shipped one. `--driver` mattes so many pictures of 8x8 px, and
reads the resident memory of the command's process. `--faults` kills workers, nodes and drivers and fills a disk, on
three nodes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks.cluster.driver import driver_lines
from benchmarks.cluster.faults import FAULTS, fault_lines
from benchmarks.cluster.rates import ALONE, NODES, rate_table
from dim_trt.arguments import SIZE_FORMAT, parse_size

WAYS = {"alone": ALONE, "nodes": NODES}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2], metavar="N", help="default: 1 2")
    parser.add_argument("--pictures", type=int, default=100, help="for each node; default: %(default)s")
    parser.add_argument(
        "--size", type=parse_size, nargs="+", default=[(512, 512)], metavar=SIZE_FORMAT, help="default: 512x512"
    )
    parser.add_argument("--rounds", type=int, default=1, help="of which medians are shown; default: %(default)s")
    parser.add_argument("--ways", choices=WAYS, nargs="+", default=list(WAYS), help="what is measured; default: both")
    parser.add_argument("--driver", type=int, metavar="N", help="instead: the driver's memory at so many tiny pictures")
    parser.add_argument(
        "--faults", nargs="*", choices=FAULTS, help="instead: what goes wrong, and what becomes of it; default: all"
    )
    args = parser.parse_args(argv)
    faults = list(FAULTS) if args.faults == [] else args.faults
    if faults or args.driver:
        for line in fault_lines(faults) if faults else driver_lines(args.driver):
            print(line, flush=True)
    else:
        ways = [WAYS[way] for way in args.ways]
        print(rate_table(args.nodes, args.pictures, args.size, args.rounds, ways))


if __name__ == "__main__":
    main()
