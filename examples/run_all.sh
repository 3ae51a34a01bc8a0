#!/bin/sh
# Run every example again and put the logs beside the scripts.
#
#   ./run_all.sh [NAME...]
#
# VENVS holds one virtual environment for each file requirements*.txt (see README.md); RUN is where the trainings run,
# a neutral place, since some logs state it.
set -u
VENVS=${VENVS:-$PWD/venvs}
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
    # a pseudo-terminal, as `srun --pty` gives: rich then draws every frame
    COLUMNS=120 PYTHONPATH="$RUN:$VENVS/rich" script -qec "stty rows 40 cols 120; $py train.py pty" slurm-20411876.out >/dev/null
    keep slurm-20411876.out
    script -qec "stty rows 40 cols 80; $py train.py narrow" slurm-20411878.out >/dev/null
    keep slurm-20411878.out
    $py requeue.py >slurm-20411877.out 2>&1
    $py requeue.py >>slurm-20411877.out 2>&1
    keep slurm-20411877.out
}

hf_trainer() {
    for v in 4 5; do
        run hf${v}_bar_20415${v}01 "$VENVS/hf$v/bin/python" train.py bar
        run hf${v}_nobar_20415${v}02 "$VENVS/hf$v/bin/python" train.py nobar
        one hf${v}_one_20415${v}03.out "$VENVS/hf$v/bin/python" train.py one
    done
    run accelerate_20415010 "$VENVS/hf5/bin/python" accelerate_loop.py
}

diverges() {
    py="$VENVS/lightning/bin/python"
    run train_20430001 $py train.py nan
    run train_20430002 $py train.py slow
    run slurm-20430003 $py lightning_nan.py
}

crashes() {
    py="$VENVS/lightning/bin/python"
    n=20440001
    for kind in runtime torch_memory numpy_memory assertion module file div_zero disk segfault device cuda unpicklable; do
        run crash_${kind}_$n $py train.py $kind
        n=$((n + 1))
    done
    one crash_lightning_20440021.out $py lightning_crash.py
    n=20450001
    for kind in raise hang kill; do
        run ddp_$n "$VENVS/lightning/bin/torchrun" --nproc_per_node 4 --master_port 29517 ddp.py $kind
        n=$((n + 1))
    done
}

plain_pytorch() {
    py="$VENVS/lightning/bin/python"
    one plain_epochs_20460001.out $py train.py epochs
    run plain_keyvalue_20460002 $py train.py keyvalue
    one metrics.jsonl $py train.py jsonl
    one plain_resume_20460004.out $py train.py resume
    one nanogpt_chars_20460005.out $py chars.py
    one ranks_20460006.out "$VENVS/lightning/bin/torchrun" --nproc_per_node 4 --master_port 29518 --tee 3 --log-dir ranks ranks.py
}

hangs() { run hang_20465001 timeout -s KILL 15 "$VENVS/lightning/bin/python" train.py; }

keras() {
    for verbose in 1 2; do run keras_verbose${verbose}_2047000$verbose "$VENVS/misc/bin/python" train.py $verbose; done
}

xgboost() { run xgboost_20480001 "$VENVS/misc/bin/python" train.py; }
lightgbm() { run lightgbm_20480002 "$VENVS/misc/bin/python" train.py; }
catboost() { run catboost_20480003 "$VENVS/misc/bin/python" train.py; }
sb3() { run sb3_20490001 "$VENVS/misc/bin/python" train.py; }

all="lightning_finetune lightning_rich hf_trainer diverges crashes hangs plain_pytorch keras xgboost lightgbm catboost sb3"
mkdir -p "$RUN" && cp "$HERE/toy.py" "$RUN/"
for name in ${*:-$all}; do
    rm -rf "${RUN:?}/$name" && mkdir -p "$RUN/$name" && cp "$HERE/$name"/*.py "$RUN/$name/"
    (cd "$RUN/$name" && "$name")
done
