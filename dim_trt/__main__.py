"""`python -m dim_trt <command>`."""

import sys

from dim_trt.cli import main

sys.exit(main())
