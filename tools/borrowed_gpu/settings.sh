# Of the scripts that run on the borrowed machine; sourced, in the checkout's root.
# THERE: a folder outside the checkout that is kept from call to call.
PYTHON=${PYTHON:-python3}
THERE=${THERE:-/tmp/borrowed}
RESULTS=$THERE/results
BACKGROUND=$THERE/background.pid
export PYTHONPATH=$THERE/site${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
mkdir -p "$THERE"/{parts,site,work,tensorrt} "$RESULTS"

# benchmark_within SECONDS OPTIONS...: sets `command`, which ends within that time and keeps what was measured until then
benchmark_within() {
  command=(timeout --kill-after=10 "$1" "$PYTHON" -m benchmarks.gpu --out "$RESULTS" --work "$THERE/work"
    --commit "$(cat "$THERE/commit")" --minutes "$(awk "BEGIN { print ($1 - 15) / 60 }")" "${@:2}")
}
