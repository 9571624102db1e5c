#!/usr/bin/env bash
# On the borrowed machine, in each call: keeps what has come. The first call brings the base: it is installed, and what
# needs no TensorRT starts at once and goes on after the call has ended.
# usage: receive.sh CALL_FOLDER    FIRST_STAGES: of benchmarks.gpu; FIRST_SECONDS: for them
set -euo pipefail
call=$(realpath "${1:?usage: receive.sh CALL_FOLDER}")
cd "$(dirname "$0")/../.."
# shellcheck source=settings.sh
source tools/borrowed_gpu/settings.sh
cp "$call"/trt-part-* "$THERE/parts/"

if [[ -d $call/base ]]; then
  cp "$call"/base/{commit,parts.sha256,libnvinfer_plugin.so.8} "$THERE/"
  [[ ! -f $call/base/tensorrt.timing ]] || cp "$call/base/tensorrt.timing" "$RESULTS/"
  "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --no-warn-script-location --upgrade \
    --target "$THERE/site" "$call"/base/wheels/*.whl
  # The checkout hides the installed package: the modules go where Python looks first, what describes it stays.
  cp "$THERE"/site/dim_trt/*.so dim_trt/
  rm -rf "$THERE/site/dim_trt"
  if [[ -f $call/base/dim_cuda_check ]]; then
    mkdir -p build/borrowed
    cp "$call/base/dim_cuda_check" build/borrowed/
    chmod +x build/borrowed/dim_cuda_check
  fi
  read -ra stages <<< "${FIRST_STAGES:-kernels models peers}"
  benchmark_within "${FIRST_SECONDS:-300}" --stage "${stages[@]}"
  setsid "${command[@]}" > "$RESULTS/background.txt" 2>&1 < /dev/null &
  echo $! > "$BACKGROUND" # also the number of its process group
fi
ls "$THERE/parts"
