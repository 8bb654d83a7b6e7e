#pragma once
#include "model/packed_matrix.h"

namespace rlhf {

/// The matrices of one layer (model/layer_weights.h) as products on a CPU read them.
struct PackedLayer {
  PackedMatrix qkv, attention_out, mlp_in, mlp_out;
};

}  // namespace rlhf
