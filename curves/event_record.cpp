#include "curves/event_record.h"

#include <array>
#include <bit>

namespace rlhf {
namespace {

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) ? 0x82f63b78u : 0u);
    table[byte] = value;
  }
  return table;
}

template <typename Unsigned>
std::string little_endian(Unsigned value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i)
    bytes.push_back(static_cast<char>(value >> (8 * i) & 0xff));
  return bytes;
}

template <typename Unsigned>
Unsigned from_little_endian(std::string_view bytes) {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
    value |= static_cast<Unsigned>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

/// Writes protobuf's wire format (https://protobuf.dev/programming-guides/encoding/): fields in the order
/// called.
class WireMessage {
 public:
  WireMessage& varint_field(int field, int64_t value) {
    if (value == 0) return *this;  // proto3 leaves defaults out
    key(field, 0);
    varint(static_cast<uint64_t>(value));
    return *this;
  }
  WireMessage& double_field(int field, double value) {
    key(field, 1);
    bytes_ += little_endian(std::bit_cast<uint64_t>(value));
    return *this;
  }
  WireMessage& float_field(int field, float value) {
    key(field, 5);
    bytes_ += little_endian(std::bit_cast<uint32_t>(value));
    return *this;
  }
  WireMessage& bytes_field(int field, std::string_view value) {
    key(field, 2);
    varint(value.size());
    bytes_.append(value);
    return *this;
  }
  WireMessage& message_field(int field, const WireMessage& value) { return bytes_field(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void key(int field, int wire_type) {
    varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire_type));
  }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>((value & 0x7f) | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }
  std::string bytes_;
};

bool read_varint(std::string_view& bytes, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool skip(std::string_view& bytes, uint64_t count) {
  if (count > bytes.size()) return false;
  bytes.remove_prefix(count);
  return true;
}

WireMessage event(double wall_time, int64_t step) {
  return WireMessage().double_field(1, wall_time).varint_field(2, step);
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = make_crc_table();
  uint32_t crc = 0xffffffffu;
  for (const char byte : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  return ~crc;
}

uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xa282ead8u;
}

std::string framed_record(std::string_view bytes) {
  const std::string length = little_endian(static_cast<uint64_t>(bytes.size()));
  return length + little_endian(masked_crc32c(length)) + std::string(bytes) +
         little_endian(masked_crc32c(bytes));
}

std::string version_event(double wall_time) {
  return event(wall_time, 0).bytes_field(3, "brain.Event:2").bytes();
}

std::string session_start_event(double wall_time, int64_t step) {
  constexpr int64_t kStart = 1;
  return event(wall_time, step).message_field(7, WireMessage().varint_field(1, kStart)).bytes();
}

std::string scalars_event(double wall_time, int64_t step, const Metrics& metrics) {
  WireMessage summary;
  for (const auto& [name, value] : metrics) {
    summary.message_field(1, WireMessage().bytes_field(1, name).float_field(2, static_cast<float>(value)));
  }
  return event(wall_time, step).message_field(5, summary).bytes();
}

std::string text_event(double wall_time, int64_t step, const std::string& tag, const std::string& markdown) {
  constexpr int64_t kString = 7;  // DataType.DT_STRING
  const WireMessage shape = WireMessage().message_field(2, WireMessage().varint_field(1, 1));  // one element
  const WireMessage tensor =
      WireMessage().varint_field(1, kString).message_field(2, shape).bytes_field(8, markdown);
  const WireMessage metadata = WireMessage().message_field(1, WireMessage().bytes_field(1, "text"));
  const WireMessage value =
      WireMessage().bytes_field(1, tag + "/text_summary").message_field(8, tensor).message_field(9, metadata);
  return event(wall_time, step).message_field(5, WireMessage().message_field(1, value)).bytes();
}

EventHead read_event_head(std::string_view event) {
  EventHead head;
  uint64_t key = 0;
  uint64_t value = 0;
  while (!event.empty() && read_varint(event, key)) {
    bool good = false;
    switch (key & 7) {
      case 0:
        good = read_varint(event, value);
        break;
      case 1:
        good = skip(event, 8);
        break;
      case 2:
        good = read_varint(event, value) && skip(event, value);
        break;
      case 5:
        good = skip(event, 4);
        break;
    }
    if (!good) return head;
    if (key == (2 << 3)) head.step = static_cast<int64_t>(value);
    head.is_version |= key >> 3 == 3;
    head.is_session_start |= key >> 3 == 7;
  }
  return head;
}

bool RecordReader::next(std::string_view& record, std::string_view& event) {
  constexpr std::size_t kHeader = 12;
  constexpr std::size_t kFooter = 4;
  if (rest_.size() < kHeader + kFooter) return false;
  const std::string_view length_bytes = rest_.substr(0, 8);
  if (from_little_endian<uint32_t>(rest_.substr(8)) != masked_crc32c(length_bytes)) return false;
  const auto length = from_little_endian<uint64_t>(length_bytes);
  if (length > rest_.size() - kHeader - kFooter) return false;
  event = rest_.substr(kHeader, length);
  if (from_little_endian<uint32_t>(rest_.substr(kHeader + length)) != masked_crc32c(event)) return false;
  record = rest_.substr(0, kHeader + length + kFooter);
  rest_.remove_prefix(record.size());
  return true;
}

}  // namespace rlhf
