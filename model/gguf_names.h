#pragma once
#include <string>

namespace rlhf {

/// Tensor names of the architectures llama, qwen2 and qwen3: "blk.0.attn_q.weight" and
/// "model.layers.0.self_attn.q_proj.weight". Both return a name they do not know unchanged.
std::string gguf_to_hugging_face(const std::string& name);
std::string hugging_face_to_gguf(const std::string& name);

}  // namespace rlhf
