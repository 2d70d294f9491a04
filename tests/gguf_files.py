"""GGUF files for tests: small random models and vocabularies, written with the gguf package as llama.cpp's converter
lays them out."""

import math

import gguf
import numpy
import sentencepiece
import torch
from gguf import GGMLQuantizationType as Type
from transformers import AutoModelForCausalLM, CONFIG_MAPPING

COMMON = dict(vocab_size=512, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
              num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.2, bos_token_id=1, eos_token_id=2,
              pad_token_id=0, tie_word_embeddings=False)
# All published models share these numbers but for the factor, and the reader knows no others.
ROPE_LLAMA3 = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=8192)
LONG_ROPE = dict(rope_type="longrope", rope_theta=10000.0, short_factor=[1.0, 1.1, 1.2, 1.3],
                 long_factor=[1.0, 2.0, 4.0, 8.0], original_max_position_embeddings=32)
# Name: transformers' model_type, llama.cpp's architecture, what is special about the config.
MODELS = {
    "llama": ("llama", "llama", dict(head_dim=24)),
    "llama-tied": ("llama", "llama", dict(tie_word_embeddings=True, num_key_value_heads=4)),
    "llama3-rope": ("llama", "llama", dict(rope_parameters=ROPE_LLAMA3)),
    "linear-rope": ("llama", "llama", dict(rope_parameters=dict(rope_type="linear", rope_theta=5000.0, factor=2.0))),
    "qwen2": ("qwen2", "qwen2", {}),
    "qwen3": ("qwen3", "qwen3", dict(head_dim=24)),
    "phi3": ("phi3", "phi3", {}),
    "phi3-long": ("phi3", "phi3", dict(num_attention_heads=8, rope_parameters=LONG_ROPE,
                                       original_max_position_embeddings=32)),
    "granite": ("granite", "granite", dict(embedding_multiplier=3.0, attention_multiplier=0.3, residual_multiplier=0.4,
                                           logits_scaling=0.6)),
    # Queries grow at positions 8 and 16.
    "ministral3": ("ministral3", "mistral3", dict(head_dim=24, rope_parameters=dict(
        rope_type="yarn", rope_theta=10000.0, factor=16.0, original_max_position_embeddings=8, beta_fast=32.0,
        beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.5))),
    "mistral-small": ("mistral", "mistral3", dict(head_dim=24, sliding_window=None)),
    # No RoPE in the fourth layer.
    "smollm3": ("smollm3", "smollm3", dict(num_hidden_layers=5)),
    "gemma": ("gemma", "gemma", dict(head_dim=24, tie_word_embeddings=True)),
    "gemma2": ("gemma2", "gemma2", dict(head_dim=24, sliding_window=16, query_pre_attn_scalar=24,
                                        tie_word_embeddings=True)),
    "gemma3": ("gemma3_text", "gemma3", dict(head_dim=24, sliding_window=16, num_hidden_layers=7,
                                             query_pre_attn_scalar=24, tie_word_embeddings=True)),
}
# What MODELS need besides, so that llama.cpp computes them as transformers does.
WRITABLE = {"llama3-rope": dict(head_dim=128), "gemma2": dict(num_hidden_layers=4)}
# Read, not written.
READ_ONLY = ("ministral3", "mistral-small")
# Whose queries and keys are in llama.cpp's order of rows.
PERMUTED = ("llama", "mistral3", "granite", "smollm3")
TYPES = {name: getattr(Type, name) for name in
         ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K")}


def make_source(name, **settings):
    """A random model in transformers; norms and biases are random too, so that a forgotten one shows."""
    model_type, _, special = MODELS[name]
    torch.manual_seed(len(name))
    config = CONFIG_MAPPING[model_type](**(COMMON | special | settings))
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def permute(tensor, heads):
    """transformers' order of a Llama's query and key rows to llama.cpp's: the halves of a head take turns."""
    return tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:]).swapaxes(1, 2).reshape(tensor.shape)


def gguf_arrays(name, model):
    """The file's tensors in float32: {name: array}, with the changes that the converter makes."""
    _, architecture, _ = MODELS[name]
    config = model.config
    arch = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == architecture)
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    arrays = {}
    for key, tensor in model.state_dict().items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        array = tensor.numpy()
        if architecture in PERMUTED and ".q_proj." in key:
            array = permute(array, config.num_attention_heads)
        if architecture in PERMUTED and ".k_proj." in key:
            array = permute(array, config.num_key_value_heads)
        if architecture.startswith("gemma") and key.endswith("norm.weight"):
            array = array + 1
        arrays[names.get_name(key, try_suffixes=(".weight", ".bias"))] = array
    rope = config.rope_parameters or {}
    if rope.get("rope_type") == "llama3":
        arrays["rope_freqs.weight"] = llama3_divisors(config)
    if rope.get("rope_type") == "longrope":
        arrays["rope_factors_long.weight"] = numpy.array(rope["long_factor"], numpy.float32)
        arrays["rope_factors_short.weight"] = numpy.array(rope["short_factor"], numpy.float32)
    return arrays


def llama3_divisors(config):
    """What llama.cpp divides each frequency of Llama 3.1's RoPE by."""
    rope = config.rope_parameters
    dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    low, high = (rope["original_max_position_embeddings"] / rope[key] for key in ("low_freq_factor", "high_freq_factor"))
    divisors = []
    for i in range(0, dim, 2):
        wave = 2 * math.pi * rope["rope_theta"] ** (i / dim)
        if wave < high:
            divisors.append(1.0)
        elif wave > low:
            divisors.append(rope["factor"])
        else:
            smooth = (rope["original_max_position_embeddings"] / wave - rope["low_freq_factor"]) / (
                rope["high_freq_factor"] - rope["low_freq_factor"])
            divisors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return numpy.array(divisors, numpy.float32)


def add_config(writer, name, config):
    """The keys of config.json."""
    _, architecture, _ = MODELS[name]
    rope = config.rope_parameters or {}
    rope = rope.get("full_attention", rope)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_vocab_size(config.vocab_size)
    if architecture in (*PERMUTED, "phi3"):
        writer.add_rope_dimension_count(head_dim)
    if "rope_theta" in rope:
        writer.add_rope_freq_base(rope["rope_theta"])
    if rope.get("rope_type") == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if rope.get("rope_type") == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        writer.add_rope_scaling_yarn_beta_fast(rope["beta_fast"])
        writer.add_rope_scaling_yarn_beta_slow(rope["beta_slow"])
        writer.add_rope_scaling_yarn_log_mul(rope["mscale_all_dim"])
        writer.add_attn_temperature_scale(rope["llama_4_scaling_beta"])
    if rope.get("rope_type") == "longrope":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        scale = config.max_position_embeddings / rope["original_max_position_embeddings"]
        writer.add_rope_scaling_attn_factors(
            math.sqrt(1 + math.log(scale) / math.log(rope["original_max_position_embeddings"])))
    if getattr(config, "sliding_window", None):
        writer.add_sliding_window(config.sliding_window)
    if architecture == "granite":
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)


def add_sentencepiece(writer, file):
    """The vocabulary of a tokenizer.model."""
    model = sentencepiece.SentencePieceProcessor(model_file=str(file))
    kinds = []
    for i in range(model.vocab_size()):
        kinds.append(gguf.TokenType.UNKNOWN if model.is_unknown(i) else gguf.TokenType.CONTROL if model.is_control(i)
                     else gguf.TokenType.BYTE if model.is_byte(i) else gguf.TokenType.NORMAL)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([model.id_to_piece(i) for i in range(model.vocab_size())])
    writer.add_token_scores([model.get_score(i) for i in range(model.vocab_size())])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(model.bos_id())
    writer.add_eos_token_id(model.eos_id())
    writer.add_unk_token_id(model.unk_id())
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)


def random_blocks(array, kind, generator):
    """Random bytes of a quantisation type in the array's shape, with scales that are small finite numbers."""
    numbers, size = gguf.GGML_QUANT_SIZES[kind]
    rows, columns = array.shape
    blocks = generator.integers(0, 256, (rows * columns // numbers, size), dtype=numpy.uint8)
    # Where the float16 scales lie in a block: (d), or (d, dmin).
    places = {Type.Q2_K: (80, 82), Type.Q3_K: (108,), Type.Q4_K: (0, 2), Type.Q5_K: (0, 2), Type.Q6_K: (208,)}[kind]
    for place in places:
        scales = generator.uniform(0.0005, 0.002, len(blocks)).astype(numpy.float16)
        blocks[:, place:place + 2] = scales.view(numpy.uint8).reshape(-1, 2)
    return blocks.reshape(rows, -1)


def stored(array, kind, generator):
    """(what the file holds, the float32 numbers that it stands for) of an array in a type."""
    if kind == Type.F32 or array.ndim == 1:
        return array, Type.F32, array
    if array.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] != 0:
        kind = Type.F16  # as the converter does with rows that are no whole blocks
    if kind == Type.F16:
        return array.astype(numpy.float16), kind, array.astype(numpy.float16).astype(numpy.float32)
    if kind.name.endswith("_K"):
        data = random_blocks(array, kind, generator)
    else:
        data = gguf.quantize(array, kind)
    return data, kind, gguf.dequantize(data, kind)


def write_gguf(path, name, model, tokenizer, kind=Type.F32, extra=None):
    """Writes the file; returns {tensor: the float32 numbers that it stands for}. `extra`: a function of the writer."""
    writer = gguf.GGUFWriter(path, MODELS[name][1])
    add_config(writer, name, model.config)
    add_sentencepiece(writer, tokenizer)
    if extra:
        extra(writer)
    generator, numbers = numpy.random.default_rng(1), {}
    for tensor, array in gguf_arrays(name, model).items():
        data, stored_kind, numbers[tensor] = stored(numpy.ascontiguousarray(array), kind, generator)
        writer.add_tensor(tensor, data, raw_dtype=stored_kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return numbers
