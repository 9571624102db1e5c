#!/usr/bin/env bash
# On the borrowed machine, when everything has come: TensorRT is unpacked and asked for a builder, then plans and tests.
# OUT gets results.tar.gz every few seconds, so that a call that is cut off brings home what there was.
# usage: main.sh    OUT: folder that comes home; SECONDS_IN_ALL: for everything; WAIT_S: for what the first call started;
#   PUBLISH_S: between two copies
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=settings.sh
source tools/borrowed_gpu/settings.sh
: "${OUT:?set OUT to the folder that comes home}"
in_all=${SECONDS_IN_ALL:-570}
libraries=$THERE/tensorrt/lib

publish() { # a file that grows meanwhile is no fault
  tar -C "$THERE" -czf "$OUT/results.part" results || (($? == 1))
  mv "$OUT/results.part" "$OUT/results.tar.gz"
}
while sleep "${PUBLISH_S:-4}"; do publish || true; done > /dev/null 2>&1 &
publisher=$!
finish() {
  kill "$publisher" 2> /dev/null || true
  wait "$publisher" 2> /dev/null || true
  publish
}
trap finish EXIT

unpack() {
  mkdir -p "$libraries"
  (cd "$THERE/parts" && sha256sum --quiet --check "$THERE/parts.sha256") &&
    cat "$THERE"/parts/trt-part-* | xz -dc -T0 | tar -C "$libraries" -x &&
    cp "$THERE/libnvinfer_plugin.so.8" "$libraries/"
}

background_ends() { # nothing is timed beside it
  local pid until=$((SECONDS + ${WAIT_S:-100}))
  [[ -f $BACKGROUND ]] || return 0
  pid=$(cat "$BACKGROUND")
  while kill -0 "$pid" 2> /dev/null && ((SECONDS < until)); do sleep 1; done
  if kill -TERM -- "-$pid" 2> /dev/null; then echo "what the first call started was ended"; fi
}

unpack > "$RESULTS/unpack.txt" 2>&1 || cat "$RESULTS/unpack.txt"
timeout --kill-after=5 60 "$PYTHON" tools/borrowed_gpu/make_builder.py "$libraries" "$RESULTS/builder.json" || true
publish
background_ends
export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
read -ra stages <<< "${MAIN_STAGES:-models plans tests}"
benchmark_within $((in_all - SECONDS)) --stage "${stages[@]}"
"${command[@]}" || echo "benchmarks.gpu ended with code $?"
