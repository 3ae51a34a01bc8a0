#!/bin/sh
# Run every example again and put the logs beside the scripts.
#
#   ./run_all.sh [NAME...]
#
# VENVS holds one virtual environment for each file requirements*.txt (see README.md); RUN is where the trainings run,
# a neutral place, since some logs state it.
set -u
VENVS=${VENVS:-/opt/venv}
RUN=${RUN:-/tmp/run}
HERE=$(cd "$(dirname "$0")" && pwd)
export OMP_NUM_THREADS=1 PYTHONPATH="$RUN" CUDA_VISIBLE_DEVICES=

# run STEM COMMAND...: stdout to STEM.out and stderr to STEM.err, as SLURM writes them with --error
run() { stem=$1; shift; "$@" >"$stem.out" 2>"$stem.err"; echo "$name: $stem: exit $?"; keep "$stem.out" "$stem.err"; }
# one STEM.log COMMAND...: both into one file, as a plain shell or SLURM without --error does
one() { log=$1; shift; "$@" >"$log" 2>&1; echo "$name: $log: exit $?"; keep "$log"; }
keep() { cp "$@" "$HERE/$name/"; cp ./*truth.yaml "$HERE/$name/" 2>/dev/null || true; }

lightning_finetune() {
    py="$VENVS/lightning/bin/python"
    run topoflow_pretrain_13491177 $py train.py pretrain
    run topoflow_full_finetune_13503904 $py train.py finetune
    run topoflow_full_finetune_13503977 $py train.py finetune --plain
    run topoflow_full_finetune_13504112 $py train.py finetune --slow
    $py train.py keys && keep ./*_keys*.json
}

lightning_rich() {
    py="$VENVS/lightning/bin/python"
    PYTHONPATH="$RUN:$VENVS/rich" run slurm-20411873 $py train.py rich
    run slurm-20411874 $py train.py accum
    one slurm-20411875.out $py train.py epochs
}

hf_trainer() {
    for v in 4 5; do
        run hf${v}_bar_20415001 "$VENVS/hf$v/bin/python" train.py bar
        run hf${v}_nobar_20415002 "$VENVS/hf$v/bin/python" train.py nobar
        one hf${v}_one_20415003.out "$VENVS/hf$v/bin/python" train.py one
    done
    run accelerate_20415010 "$VENVS/hf5/bin/python" accelerate_loop.py
}

#NEXT
all="lightning_finetune lightning_rich hf_trainer"
mkdir -p "$RUN" && cp "$HERE/toy.py" "$RUN/"
for name in ${*:-$all}; do
    rm -rf "${RUN:?}/$name" && mkdir -p "$RUN/$name" && cp "$HERE/$name"/*.py "$RUN/$name/"
    (cd "$RUN/$name" && "$name")
done
