#pragma once
#include <cstdint>

#include "model/bfloat16.h"

/// Loops over rows that torch would take several passes through memory for. Plain pointers, row-major, no
/// threads of their own: callers split the rows. Built for several instruction sets, of which the machine's
/// best is chosen when the program starts; float and double run the same code, so tests in double check what
/// runs in float.
namespace rlhf::cpu {

/// y = x * scale * weight for each of `rows` rows of `width`, scale = 1 / sqrt(mean(x^2) + eps), which is
/// kept.
void rms_norm(const float* x, const float* weight, float* y, float* scale, int64_t rows, int64_t width,
              double eps);
void rms_norm(const float* x, const float* weight, Bfloat16* y, float* scale, int64_t rows, int64_t width,
              double eps);
void rms_norm(const double* x, const double* weight, double* y, double* scale, int64_t rows, int64_t width,
              double eps);

/// dx of the above from dy, and dweight summed over the rows into `dweight` [width], which is overwritten.
/// `beside` is added to dx: the gradient that reaches x past the norm, or nullptr.
struct RmsNormGradient {
  const void *x, *weight, *scale, *dy, *beside;
  void *dx, *dweight;
  int64_t rows, width;
};
void rms_norm_backward_float(const RmsNormGradient& arguments);
void rms_norm_backward_double(const RmsNormGradient& arguments);

/// out = x rotated in the leading 2 `half` of each head's `head_dim` (rotate-half); cos and sin [rows, half].
/// `turn` is 1 or, to rotate back, -1. Rows are so many elements apart; out may be x.
template <typename In, typename Out, typename T>
struct Rotation {
  const In* x;
  const T *cos, *sin;
  Out* out;
  int64_t rows, heads, head_dim, half, stride, out_stride;
  T turn;
};
void rotate(const Rotation<float, float, float>& arguments);
void rotate(const Rotation<double, double, double>& arguments);
void rotate(const Rotation<float, Bfloat16, float>& arguments);
void rotate(const Rotation<Bfloat16, Bfloat16, float>& arguments);

/// out = silu(gate) * up, rows of x holding `width` gates, then `width` ups.
void swiglu(const float* x, float* out, int64_t rows, int64_t width);
void swiglu(const double* x, double* out, int64_t rows, int64_t width);
/// The same rounded; keeps x, rounded, for the way back unless `rounded` is nullptr.
void swiglu(const float* x, Bfloat16* rounded, Bfloat16* out, int64_t rows, int64_t width);
/// dx, laid out like x, from dout.
void swiglu_backward(const float* x, const float* dout, float* dx, int64_t rows, int64_t width);
void swiglu_backward(const double* x, const double* dout, double* dx, int64_t rows, int64_t width);
/// dx and, computed once more, what swiglu gave.
void swiglu_backward(const float* x, const float* dout, float* dx, float* out, int64_t rows, int64_t width);
void swiglu_backward(const Bfloat16* x, const float* dout, Bfloat16* dx, Bfloat16* out, int64_t rows,
                     int64_t width);

/// out = a + b, and out = a rounded.
void add(const float* a, const float* b, float* out, int64_t count);
void round(const float* a, Bfloat16* out, int64_t count);

/// What a token is drawn from: weights_i = e^((x_i - largest x) scale), 0 where that is nothing beside 1, and
/// their sums over blocks of kWeightBlock, the last of which may be shorter. Returns the largest x. A row
/// without padding; sums are made in an order that the machine's width does not change.
constexpr int64_t kWeightBlock = 1024;
float softmax_weights(const float* x, int64_t count, float scale, float* weights, double* block_sums);

/// What the head's softmax says of each row of logits, divided by a temperature.
template <typename T>
struct SoftmaxRows {
  int64_t rows, vocab;
  double inverse_temperature;
  const int64_t* targets;
  T* logprobs;         ///< of the targets
  T* log_normalizers;  ///< log sum exp
  T* entropy;          ///< or nullptr
  bool* correct;       ///< the target is the first largest logit; nullptr with `entropy`
};
void softmax_rows(const float* logits, const SoftmaxRows<float>& rows);
void softmax_rows(const double* logits, const SoftmaxRows<double>& rows);
void softmax_rows(const Bfloat16* logits, const SoftmaxRows<float>& rows);

/// d loss / d logits from d loss / d logprobs and, unless nullptr, d loss / d entropy. With H the entropy the
/// latter's derivative in logit z_i is -p_i (log p_i + H).
template <typename T>
struct SoftmaxGradientRows {
  int64_t rows, vocab;
  double inverse_temperature;
  const int64_t* targets;
  const T *log_normalizers, *entropy;
  const T *dlogprobs, *dentropy;
};
void softmax_gradient_rows(const float* logits, float* out, const SoftmaxGradientRows<float>& rows);
void softmax_gradient_rows(const double* logits, double* out, const SoftmaxGradientRows<double>& rows);
void softmax_gradient_rows(const Bfloat16* logits, Bfloat16* out, const SoftmaxGradientRows<float>& rows);

}  // namespace rlhf::cpu
