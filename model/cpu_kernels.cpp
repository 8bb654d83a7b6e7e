#include "model/cpu_kernels.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "model/vector_loops.h"

namespace rlhf::cpu {
namespace {

// By e to a negative number whatever x is: an exponential in float is not one for large numbers, and with a
// bound on either side the loop would take twice the time.
template <typename T>
RLHF_INLINE T sigmoid(T x) {
  const T e = exponential(at_lowest(-std::abs(x)));
  return (x < 0 ? e : static_cast<T>(1)) / (static_cast<T>(1) + e);
}

template <typename T, typename Out>
RLHF_INLINE void rms_norm_body(const T* x, const T* weight, Out* y, T* scale, int64_t rows, int64_t width,
                               double eps) {
  for (int64_t row = 0; row < rows; ++row, x += width, y += width) {
    const T s = static_cast<T>(1) / std::sqrt(dot(x, x, width) / static_cast<T>(width) + static_cast<T>(eps));
    scale[row] = s;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) store(y + i, x[i] * s * weight[i]);
  }
}

template <typename T>
RLHF_INLINE void rms_norm_backward_body(const RmsNormGradient& a) {
  const T *x = static_cast<const T*>(a.x), *weight = static_cast<const T*>(a.weight);
  const T *scale = static_cast<const T*>(a.scale), *dy = static_cast<const T*>(a.dy);
  const T* beside = static_cast<const T*>(a.beside);
  T *dx = static_cast<T*>(a.dx), *dweight = static_cast<T*>(a.dweight);
  std::fill_n(dweight, a.width, static_cast<T>(0));
  for (int64_t row = 0; row < a.rows; ++row, x += a.width, dy += a.width, dx += a.width) {
    const T s = scale[row];
#pragma omp simd
    for (int64_t i = 0; i < a.width; ++i) {
      dweight[i] += dy[i] * x[i] * s;
      dx[i] = dy[i] * weight[i];
    }
    const T along = dot(dx, x, a.width) * s * s / static_cast<T>(a.width);
    if (beside) {
#pragma omp simd
      for (int64_t i = 0; i < a.width; ++i) dx[i] = beside[i] + s * (dx[i] - x[i] * along);
      beside += a.width;
    } else {
#pragma omp simd
      for (int64_t i = 0; i < a.width; ++i) dx[i] = s * (dx[i] - x[i] * along);
    }
  }
}

template <typename In, typename Out, typename T>
RLHF_INLINE void rotate_body(const Rotation<In, Out, T>& a) {
  const T *cos = a.cos, *sin = a.sin;
  for (int64_t row = 0; row < a.rows; ++row, cos += a.half, sin += a.half) {
    const In* x = a.x + row * a.stride;
    Out* out = a.out + row * a.out_stride;
    for (int64_t head = 0; head < a.heads; ++head, x += a.head_dim, out += a.head_dim) {
#pragma omp simd
      for (int64_t i = 0; i < a.half; ++i) {
        const T first = load(x + i), second = load(x + i + a.half), s = sin[i] * a.turn;
        store(out + i, first * cos[i] - second * s);
        store(out + i + a.half, second * cos[i] + first * s);
      }
      for (int64_t i = 2 * a.half; i < a.head_dim; ++i) store(out + i, load(x + i));
    }
  }
}

template <typename T>
RLHF_INLINE void swiglu_body(const T* x, T* out, int64_t rows, int64_t width) {
  for (int64_t row = 0; row < rows; ++row, x += 2 * width, out += width) {
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) out[i] = x[i] * sigmoid(x[i]) * x[i + width];
  }
}

RLHF_INLINE void swiglu_rounding_body(const float* x, Bfloat16* rounded, Bfloat16* out, int64_t rows,
                                      int64_t width) {
  for (int64_t row = 0; row < rows; ++row, x += 2 * width, out += width) {
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) store(out + i, x[i] * sigmoid(x[i]) * x[i + width]);
    if (!rounded) continue;
#pragma omp simd
    for (int64_t i = 0; i < 2 * width; ++i) store(rounded + row * 2 * width + i, x[i]);
  }
}

/// `out` is written only with kOut.
template <bool kOut, typename Stored, typename T>
RLHF_INLINE void swiglu_backward_body(const Stored* x, const T* dout, Stored* dx, Stored* out, int64_t rows,
                                      int64_t width) {
  for (int64_t row = 0; row < rows; ++row, x += 2 * width, dx += 2 * width, dout += width) {
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) {
      const T gate = load(x + i), up = load(x + i + width), s = sigmoid(gate);
      store(dx + i, dout[i] * up * s * (static_cast<T>(1) + gate * (static_cast<T>(1) - s)));
      store(dx + i + width, dout[i] * gate * s);
      if constexpr (kOut) store(out + row * width + i, gate * s * up);
    }
  }
}

RLHF_INLINE float softmax_weights_body(const float* x, int64_t count, float scale, float* weights,
                                       double* block_sums) {
  constexpr int64_t kLanes = 16;
  const float top = largest<float>(x, count);
  for (int64_t begin = 0; begin < count; begin += kWeightBlock) {
    const int64_t end = std::min(begin + kWeightBlock, count);
    float lanes[kLanes] = {};
    const auto add = [&](int64_t i, int64_t lane) {
      const float z = (x[i + lane] - top) * scale;
      const float weight = z < kLowestExponent<float> ? 0.0f : exponential(z);
      weights[i + lane] = weight;
      lanes[lane] += weight;
    };
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
#pragma omp simd
      for (int64_t lane = 0; lane < kLanes; ++lane) add(i, lane);
    }
    for (int64_t lane = 0; i + lane < end; ++lane) add(i, lane);
    double sum = 0;
    for (const float lane : lanes) sum += static_cast<double>(lane);
    block_sums[begin / kWeightBlock] = sum;
  }
  return top;
}

template <typename T, typename Stored>
RLHF_INLINE void softmax_rows_body(const Stored* logits, const SoftmaxRows<T>& a) {
  const T inverse = static_cast<T>(a.inverse_temperature);
  for (int64_t row = 0; row < a.rows; ++row, logits += a.vocab) {
    const T top = largest<T>(logits, a.vocab);
    T sum = 0, weighted = 0;  // of e^z and of e^z z, with z = (logit - top) / temperature <= 0
#pragma omp simd reduction(+ : sum, weighted)
    for (int64_t i = 0; i < a.vocab; ++i) {
      const T z = at_lowest((static_cast<T>(load(logits + i)) - top) * inverse);
      const T e = exponential(z);
      sum += e;
      weighted += e * z;
    }
    const T log_sum = std::log(sum), target = load(logits + a.targets[row]);
    a.log_normalizers[row] = top * inverse + log_sum;
    a.logprobs[row] = (target - top) * inverse - log_sum;
    if (!a.entropy) continue;
    a.entropy[row] = log_sum - weighted / sum;
    bool first = target == top;
    for (int64_t j = 0; first && j < a.targets[row]; ++j) first = load(logits + j) < target;
    a.correct[row] = first;
  }
}

template <typename T, typename Stored>
RLHF_INLINE void softmax_gradient_body(const Stored* logits, Stored* out, const SoftmaxGradientRows<T>& a) {
  const T inverse = static_cast<T>(a.inverse_temperature);
  for (int64_t row = 0; row < a.rows; ++row, logits += a.vocab, out += a.vocab) {
    const T shift = a.log_normalizers[row], dlogprob = a.dlogprobs[row] * inverse;
    const T dentropy = a.dentropy ? a.dentropy[row] * inverse : static_cast<T>(0);
    const int64_t vocab = a.vocab, t = a.targets[row];
    const T target_logit = static_cast<T>(load(logits + t));  // read before `out`, which may be the logits
    const T constant = dlogprob + (a.dentropy ? dentropy * a.entropy[row] : static_cast<T>(0));
#pragma omp simd
    for (int64_t i = 0; i < vocab; ++i) {
      const T log_p = at_lowest(static_cast<T>(load(logits + i)) * inverse - shift);
      store(out + i, -exponential(log_p) * (constant + dentropy * log_p));
    }
    // The target's own share, from its exact gradient rather than from what was rounded.
    const T log_p = at_lowest(target_logit * inverse - shift);
    store(out + t, dlogprob - exponential(log_p) * (constant + dentropy * log_p));
  }
}

}  // namespace

RLHF_CLONES void rms_norm(const float* x, const float* weight, float* y, float* scale, int64_t rows,
                          int64_t width, double eps) {
  rms_norm_body(x, weight, y, scale, rows, width, eps);
}
RLHF_CLONES void rms_norm(const float* x, const float* weight, Bfloat16* y, float* scale, int64_t rows,
                          int64_t width, double eps) {
  rms_norm_body(x, weight, y, scale, rows, width, eps);
}
void rms_norm(const double* x, const double* weight, double* y, double* scale, int64_t rows, int64_t width,
              double eps) {
  rms_norm_body(x, weight, y, scale, rows, width, eps);
}
RLHF_CLONES void rms_norm_backward_float(const RmsNormGradient& arguments) {
  rms_norm_backward_body<float>(arguments);
}
void rms_norm_backward_double(const RmsNormGradient& arguments) {
  rms_norm_backward_body<double>(arguments);
}

RLHF_CLONES void rotate(const Rotation<float, float, float>& arguments) {
  rotate_body(arguments);
}
void rotate(const Rotation<double, double, double>& arguments) {
  rotate_body(arguments);
}
RLHF_CLONES void rotate(const Rotation<float, Bfloat16, float>& arguments) {
  rotate_body(arguments);
}
RLHF_CLONES void rotate(const Rotation<Bfloat16, Bfloat16, float>& arguments) {
  rotate_body(arguments);
}

RLHF_CLONES void swiglu(const float* x, float* out, int64_t rows, int64_t width) {
  swiglu_body(x, out, rows, width);
}
void swiglu(const double* x, double* out, int64_t rows, int64_t width) {
  swiglu_body(x, out, rows, width);
}
RLHF_CLONES void swiglu(const float* x, Bfloat16* rounded, Bfloat16* out, int64_t rows, int64_t width) {
  swiglu_rounding_body(x, rounded, out, rows, width);
}
RLHF_CLONES void swiglu_backward(const float* x, const float* dout, float* dx, int64_t rows, int64_t width) {
  swiglu_backward_body<false>(x, dout, dx, static_cast<float*>(nullptr), rows, width);
}
void swiglu_backward(const double* x, const double* dout, double* dx, int64_t rows, int64_t width) {
  swiglu_backward_body<false>(x, dout, dx, static_cast<double*>(nullptr), rows, width);
}
RLHF_CLONES void swiglu_backward(const float* x, const float* dout, float* dx, float* out, int64_t rows,
                                 int64_t width) {
  swiglu_backward_body<true>(x, dout, dx, out, rows, width);
}
RLHF_CLONES void swiglu_backward(const Bfloat16* x, const float* dout, Bfloat16* dx, Bfloat16* out,
                                 int64_t rows, int64_t width) {
  swiglu_backward_body<true>(x, dout, dx, out, rows, width);
}

RLHF_CLONES void add(const float* a, const float* b, float* out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) out[i] = a[i] + b[i];
}
RLHF_CLONES void round(const float* a, Bfloat16* out, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) store(out + i, a[i]);
}

RLHF_CLONES float softmax_weights(const float* x, int64_t count, float scale, float* weights,
                                  double* block_sums) {
  return softmax_weights_body(x, count, scale, weights, block_sums);
}

RLHF_CLONES void softmax_rows(const float* logits, const SoftmaxRows<float>& rows) {
  softmax_rows_body(logits, rows);
}
void softmax_rows(const double* logits, const SoftmaxRows<double>& rows) {
  softmax_rows_body(logits, rows);
}
RLHF_CLONES void softmax_rows(const Bfloat16* logits, const SoftmaxRows<float>& rows) {
  softmax_rows_body(logits, rows);
}

RLHF_CLONES void softmax_gradient_rows(const float* logits, float* out,
                                       const SoftmaxGradientRows<float>& rows) {
  softmax_gradient_body(logits, out, rows);
}
void softmax_gradient_rows(const double* logits, double* out, const SoftmaxGradientRows<double>& rows) {
  softmax_gradient_body(logits, out, rows);
}
RLHF_CLONES void softmax_gradient_rows(const Bfloat16* logits, Bfloat16* out,
                                       const SoftmaxGradientRows<float>& rows) {
  softmax_gradient_body(logits, out, rows);
}

}  // namespace rlhf::cpu
