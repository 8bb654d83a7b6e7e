"""Batched decoding of llama.cpp through llama-cpp-python's low-level interface. One line of JSON with "rate", new tokens a second.

usage: python llamacpp.py MODEL.gguf f32|bf16|q8_0 BATCH PROMPT NEW THREADS
"""
import ctypes
import json
import pathlib
import random
import sys
import time

import llama_cpp as llama

source, kind = sys.argv[1:3]
batch, prompt, new, threads = map(int, sys.argv[3:7])
silent = llama.llama_log_callback(lambda *unused: None)
llama.llama_log_set(silent, ctypes.c_void_p(0))
llama.llama_backend_init()

converted = pathlib.Path(source).with_suffix(f".{kind}.gguf")
if not converted.exists():
    options = llama.llama_model_quantize_default_params()
    options.allow_requantize, options.nthread = True, threads
    options.ftype = {"f32": llama.LLAMA_FTYPE_ALL_F32, "bf16": llama.LLAMA_FTYPE_MOSTLY_BF16, "q8_0": llama.LLAMA_FTYPE_MOSTLY_Q8_0}[kind]
    if llama.llama_model_quantize(source.encode(), str(converted).encode(), options) != 0:
        sys.exit(f"llama.cpp cannot convert {source}")
model = llama.llama_model_load_from_file(str(converted).encode(), llama.llama_model_default_params())
options = llama.llama_context_default_params()
options.n_ctx, options.n_batch, options.n_ubatch = batch * (prompt + new + 8), max(512, batch * prompt), 512
options.n_seq_max, options.n_threads, options.n_threads_batch = batch, threads, threads
context = llama.llama_init_from_model(model, options)
vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))


def decode(rows):
    """Rows of (position, sequence, whether logits are wanted), a random token each."""
    tokens = llama.llama_batch_init(len(rows), 0, 1)
    tokens.n_tokens = len(rows)
    for i, (position, sequence, wanted) in enumerate(rows):
        tokens.token[i], tokens.pos[i] = random.randrange(100, vocabulary - 100), position
        tokens.n_seq_id[i], tokens.seq_id[i][0], tokens.logits[i] = 1, sequence, int(wanted)
    if llama.llama_decode(context, tokens) != 0:
        sys.exit("llama_decode failed")
    llama.llama_batch_free(tokens)


best = 0
for _ in range(3):
    llama.llama_memory_clear(llama.llama_get_memory(context), True)
    begin = time.perf_counter()
    decode([(t, s, t == prompt - 1) for s in range(batch) for t in range(prompt)])
    for step in range(new):
        decode([(prompt + step, s, True) for s in range(batch)])
    llama.llama_synchronize(context)
    best = max(best, batch * new / (time.perf_counter() - begin))
print(json.dumps({"rate": best}))
