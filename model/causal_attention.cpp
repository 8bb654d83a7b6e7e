#include "model/causal_attention.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <type_traits>

#include "model/packed_kernels.h"
#include "model/panel_packing.h"
#include "model/parallel.h"
#include "model/vector_loops.h"

namespace rlhf::cpu {
namespace {

constexpr int64_t kBlock = kMostPanelRows;  // rows that a kernel takes
constexpr int64_t kTile = 8 * kBlock;       // rows whose gradients go to the keys together

int64_t rounded_up(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

template <typename Stored>
constexpr bool kIsBfloat16 = std::is_same_v<Stored, Bfloat16>;

template <typename Element>
Vectors vectors(const Element* data, int64_t outer, int64_t inner, int64_t outer_stride,
                int64_t inner_stride) {
  return {data, kIsBfloat16<Element>, outer, inner, outer_stride, inner_stride};
}

template <typename Stored>
void pack(const Vectors& from, int64_t first, int64_t width, Stored* panel) {
  const PanelPart part{panel, first, width, 0, from.inner};
  kIsBfloat16<Stored> ? pack_bfloat16(from, part) : pack_floats(from, part);
}

/// The side of a product that stays: panels of 32 vectors.
template <typename Stored>
class Panels {
 public:
  void fill(const Vectors& from) {
    inner_ = rounded_up(from.inner, 2);
    count_ = rounded_up(from.outer, kPanelWidth) / kPanelWidth;
    data_.resize(static_cast<size_t>(count_ * inner_ * kPanelWidth));
    for (int64_t p = 0; p < count_; ++p)
      pack(from, p * kPanelWidth, kPanelWidth, data_.data() + p * inner_ * kPanelWidth);
  }

  /// out [rows, 32 `panels`] (+)= a block of rows over the first `inner` elements times the first panels;
  /// `row_bytes` as in PanelProduct.
  void multiply(const Stored* block, int64_t row_bytes, int64_t rows, int64_t inner, int64_t panels,
                float* out, int64_t out_stride, bool accumulate = false) const {
    for (int64_t p = 0; p < panels; ++p) {
      const PanelProduct product{
          data_.data() + p * inner_ * kPanelWidth,        block, row_bytes,  out + p * kPanelWidth,
          rounded_up(inner, kIsBfloat16<Stored> ? 2 : 1), rows,  out_stride, accumulate};
      kIsBfloat16<Stored> ? multiply_panel_bfloat16(product) : multiply_panel_float(product);
    }
  }
  int64_t count() const { return count_; }

 private:
  std::vector<Stored> data_;
  int64_t inner_ = 0, count_ = 0;
};

/// Scores to weights that sum to 1; zero from `valid` to `width`. Returns log sum exp.
RLHF_CLONES float softmax_row(float* scores, int64_t valid, int64_t width, float scale) {
  const float log_normalizer = softmax(scores, valid, scale);
  std::fill(scores + valid, scores + width, 0.0f);
  return log_normalizer;
}

/// From a row's scores and the gradient of its weights to its weights and the gradient of its scores, both in
/// place and zero from `valid` to `width`. `along` is out . d out.
RLHF_CLONES void softmax_gradient_row(float* scores, float* gradient, int64_t valid, int64_t width,
                                      float scale, float log_normalizer, float along) {
#pragma omp simd
  for (int64_t j = 0; j < valid; ++j) {
    const float weight = exponential(at_lowest(scores[j] * scale - log_normalizer));
    scores[j] = weight;
    gradient[j] = weight * (gradient[j] - along) * scale;
  }
  std::fill(scores + valid, scores + width, 0.0f);
  std::fill(gradient + valid, gradient + width, 0.0f);
}

template <typename Stored>
RLHF_INLINE float dot_of(const Stored* a, const Stored* b, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += load(a + i) * load(b + i);
  return sum;
}

template <typename Stored>
void store_rows(const float* from, int64_t from_stride, int64_t rows, int64_t width, Stored* to,
                int64_t to_stride) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < width; ++i) store(to + r * to_stride + i, from[r * from_stride + i]);
}

/// Work of one thread: one key head of one sequence after another.
template <typename Stored>
class Worker {
 public:
  Worker(const AttentionShape& shape, const AttentionInputs<Stored>& in) : shape_(shape), in_(in) {}

  void forward(int64_t sequence, int64_t key_head, Stored* out, float* log_normalizers) {
    begin(sequence);
    keys_.fill(rows_of(in_.keys, key_head, 0, length_));
    values_.fill(columns_of(in_.values, key_head, 0, length_));
    for (int64_t head = key_head * group(); head < (key_head + 1) * group(); ++head) {
      for (int64_t row = 0; row < length_; row += kBlock) {
        const int64_t rows = std::min(kBlock, length_ - row), seen = row + rows;
        score(rows_of(in_.queries, head, row, rows), keys_, seen, scores_.data());
        for (int64_t r = 0; r < rows; ++r)
          log_normalizers[(first_ + row + r) * shape_.heads + head] =
              softmax_row(scores_.data() + r * width_, row + r + 1, seen, shape_.scale);
        weigh(scores_.data(), rows, seen, values_);
        store_rows(sums_.data(), padded_dim(), rows, shape_.head_dim, at(out, out_stride(), row, head),
                   out_stride());
      }
    }
  }

  void backward(int64_t sequence, int64_t key_head, const AttentionGradients<Stored>& g) {
    begin(sequence);
    keys_.fill(rows_of(in_.keys, key_head, 0, length_));
    keys_across_.fill(columns_of(in_.keys, key_head, 0, length_));
    values_.fill(rows_of(in_.values, key_head, 0, length_));
    const auto size = static_cast<size_t>(length_ * padded_dim());
    key_sums_.assign(size, 0.0f);
    value_sums_.assign(size, 0.0f);
    for (int64_t head = key_head * group(); head < (key_head + 1) * group(); ++head)
      for (int64_t row = 0; row < length_; row += kTile) tile(head, row, g);
    store_rows(key_sums_.data(), padded_dim(), length_, shape_.head_dim,
               at(g.keys, g.keys_stride, 0, key_head), g.keys_stride);
    store_rows(value_sums_.data(), padded_dim(), length_, shape_.head_dim,
               at(g.values, g.values_stride, 0, key_head), g.values_stride);
  }

 private:
  int64_t group() const { return shape_.heads / shape_.kv_heads; }
  int64_t padded_dim() const { return rounded_up(shape_.head_dim, kPanelWidth); }
  int64_t out_stride() const { return shape_.heads * shape_.head_dim; }

  template <typename Element>
  Element* at(Element* rows, int64_t stride, int64_t row, int64_t head) const {
    return rows + (first_ + row) * stride + head * shape_.head_dim;
  }

  Vectors rows_of(const HeadRows<Stored>& all, int64_t head, int64_t row, int64_t rows) const {
    return vectors(all.data + (first_ + row) * all.stride + head * shape_.head_dim, rows, shape_.head_dim,
                   all.stride, 1);
  }
  /// The same elements with the rows as the dimension that is summed over.
  Vectors columns_of(const HeadRows<Stored>& all, int64_t head, int64_t row, int64_t rows) const {
    return vectors(all.data + (first_ + row) * all.stride + head * shape_.head_dim, shape_.head_dim, rows, 1,
                   all.stride);
  }

  void begin(int64_t sequence) {
    first_ = shape_.offsets[static_cast<size_t>(sequence)];
    length_ = shape_.offsets[static_cast<size_t>(sequence) + 1] - first_;
    width_ = rounded_up(length_, kPanelWidth);
    scores_.resize(static_cast<size_t>(kTile * width_));
    gradients_.resize(static_cast<size_t>(kTile * width_));
    sums_.resize(static_cast<size_t>(kBlock * padded_dim()));
    block_.resize(static_cast<size_t>(kBlock * std::max(width_, rounded_up(shape_.head_dim, 2))));
  }

  /// `block` multiplied as it lies where that will do, else laid out in block_ first.
  void multiply(const Vectors& block, const Panels<Stored>& panels, int64_t count, float* out,
                int64_t out_stride) {
    const bool same_type = block.bfloat16 == kIsBfloat16<Stored>;
    if (same_type && block.inner_stride == 1 && (!kIsBfloat16<Stored> || block.inner % 2 == 0)) {
      panels.multiply(static_cast<const Stored*>(block.data),
                      block.outer_stride * static_cast<int64_t>(sizeof(Stored)), block.outer, block.inner,
                      count, out, out_stride);
    } else {
      pack(block, 0, block.outer, block_.data());
      panels.multiply(block_.data(), kInputInBlocks, block.outer, block.inner, count, out, out_stride);
    }
  }

  /// out [rows, width_] = rows . the first `seen` vectors of `panels`.
  void score(const Vectors& rows, const Panels<Stored>& panels, int64_t seen, float* out) {
    multiply(rows, panels, rounded_up(seen, kPanelWidth) / kPanelWidth, out, width_);
  }

  /// sums_ [rows, padded_dim] = weights [rows, seen] times what `across` holds for each of those seen.
  void weigh(const float* weights, int64_t rows, int64_t seen, const Panels<Stored>& across) {
    multiply(vectors(weights, rows, seen, width_, 1), across, across.count(), sums_.data(), padded_dim());
  }

  /// sums [seen, padded_dim] += weights [rows, seen] transposed times `rows_across`, which holds the rows.
  void spread(const float* weights, int64_t rows, int64_t seen, const Panels<Stored>& rows_across,
              float* sums) {
    const Vectors from = vectors(weights, seen, rows, 1, width_);
    for (int64_t key = 0; key < seen; key += kBlock) {
      const int64_t count = std::min(kBlock, seen - key);
      pack(from, key, count, block_.data());
      rows_across.multiply(block_.data(), kInputInBlocks, count, rows, rows_across.count(),
                           sums + key * padded_dim(), padded_dim(), true);
    }
  }

  void tile(int64_t head, int64_t begin, const AttentionGradients<Stored>& g) {
    const int64_t rows = std::min(kTile, length_ - begin), seen = begin + rows;
    const HeadRows<Stored> out_gradient{g.out_gradient, out_stride()};
    for (int64_t row = begin; row < seen; row += kBlock) {
      const int64_t count = std::min(kBlock, seen - row);
      float *weights = scores_.data() + (row - begin) * width_,
            *gradient = gradients_.data() + (row - begin) * width_;
      score(rows_of(in_.queries, head, row, count), keys_, row + count, weights);
      score(rows_of(out_gradient, head, row, count), values_, row + count, gradient);
      for (int64_t r = 0; r < count; ++r) {
        const float along = dot_of(at(g.out, out_stride(), row + r, head),
                                   at(g.out_gradient, out_stride(), row + r, head), shape_.head_dim);
        softmax_gradient_row(weights + r * width_, gradient + r * width_, row + r + 1, seen, shape_.scale,
                             g.log_normalizers[(first_ + row + r) * shape_.heads + head], along);
      }
      weigh(gradient, count, row + count, keys_across_);
      store_rows(sums_.data(), padded_dim(), count, shape_.head_dim,
                 at(g.queries, g.queries_stride, row, head), g.queries_stride);
    }
    tile_rows_.fill(columns_of(out_gradient, head, begin, rows));
    spread(scores_.data(), rows, seen, tile_rows_, value_sums_.data());
    tile_rows_.fill(columns_of(in_.queries, head, begin, rows));
    spread(gradients_.data(), rows, seen, tile_rows_, key_sums_.data());
  }

  const AttentionShape& shape_;
  const AttentionInputs<Stored>& in_;
  int64_t first_ = 0, length_ = 0, width_ = 0;  // of the sequence; its length in whole panels
  Panels<Stored> keys_, keys_across_, values_, tile_rows_;
  std::vector<float> scores_, gradients_;  // [kTile, width_]: of the weights, in backward
  std::vector<float> sums_, key_sums_, value_sums_;
  std::vector<Stored> block_;
};

/// Calls one(worker, sequence, key head) for all, the long sequences first, each by the thread that has
/// nothing to do.
template <typename Stored, typename One>
void for_heads(const AttentionShape& shape, const AttentionInputs<Stored>& in, const One& one) {
  const auto length = [&](int64_t sequence) {
    const auto s = static_cast<size_t>(sequence);
    return shape.offsets[s + 1] - shape.offsets[s];
  };
  std::vector<int64_t> order(shape.offsets.size() - 1);
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return length(a) > length(b); });
  const int64_t tasks = static_cast<int64_t>(order.size()) * shape.kv_heads;
  std::atomic<int64_t> next = 0;
  parallel_for(std::min(tasks, parallel_threads()), 1, [&](int64_t, int64_t) {
    Worker<Stored> worker(shape, in);
    for (int64_t task = next++; task < tasks; task = next++)
      one(worker, order[static_cast<size_t>(task / shape.kv_heads)], task % shape.kv_heads);
  });
}

}  // namespace

template <typename Stored>
void causal_attention(const AttentionShape& shape, const AttentionInputs<Stored>& in, Stored* out,
                      float* log_normalizers) {
  for_heads(shape, in, [&](Worker<Stored>& worker, int64_t sequence, int64_t key_head) {
    worker.forward(sequence, key_head, out, log_normalizers);
  });
}

template <typename Stored>
void causal_attention_backward(const AttentionShape& shape, const AttentionInputs<Stored>& in,
                               const AttentionGradients<Stored>& gradients) {
  for_heads(shape, in, [&](Worker<Stored>& worker, int64_t sequence, int64_t key_head) {
    worker.backward(sequence, key_head, gradients);
  });
}

template void causal_attention(const AttentionShape&, const AttentionInputs<float>&, float*, float*);
template void causal_attention(const AttentionShape&, const AttentionInputs<Bfloat16>&, Bfloat16*, float*);
template void causal_attention_backward(const AttentionShape&, const AttentionInputs<float>&,
                                        const AttentionGradients<float>&);
template void causal_attention_backward(const AttentionShape&, const AttentionInputs<Bfloat16>&,
                                        const AttentionGradients<Bfloat16>&);

}  // namespace rlhf::cpu
