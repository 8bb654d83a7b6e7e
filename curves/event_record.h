#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "contract/sources.h"

/// The bytes of TensorBoard's event files: the few fields of tensorflow/core/util/event.proto and
/// summary.proto that TensorBoard reads, framed as TFRecord
/// (https://www.tensorflow.org/tutorials/load_data/tfrecord).
namespace rlhf {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), and TFRecord's masking of it: rotated right by 15, plus
/// 0xa282ead8.
uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

/// u64 length | masked CRC of the length | bytes | masked CRC of the bytes; little-endian.
std::string framed_record(std::string_view bytes);

/// Serialised Event messages, unframed. `wall_time` is in Unix seconds.
std::string version_event(double wall_time);  ///< the first event of every file: "brain.Event:2"
/// A session starts: TensorBoard forgets what it has read of steps from `step` on.
std::string session_start_event(double wall_time, int64_t step);
/// One scalar per metric, as float32, under the metric's name.
std::string scalars_event(double wall_time, int64_t step, const Metrics& metrics);
/// Markdown for TensorBoard's text tab, under `tag`/text_summary.
std::string text_event(double wall_time, int64_t step, const std::string& tag, const std::string& markdown);

/// What truncation needs to know of a serialised Event.
struct EventHead {
  int64_t step = 0;  ///< 0 when the event names none
  bool is_version = false;
  bool is_session_start = false;
};
EventHead read_event_head(std::string_view event);

/// Walks the records of an event file.
class RecordReader {
 public:
  explicit RecordReader(std::string_view file) : rest_(file), size_(file.size()) {}
  /// False at the end, or at a record that is cut short or whose checksums are wrong; `record` includes the
  /// framing.
  bool next(std::string_view& record, std::string_view& event);
  /// Bytes of whole records passed so far.
  std::size_t position() const { return size_ - rest_.size(); }

 private:
  std::string_view rest_;
  std::size_t size_;
};

}  // namespace rlhf
