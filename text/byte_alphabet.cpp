#include "text/byte_alphabet.h"

#include <algorithm>
#include <numeric>

#include "text/utf8.h"

namespace rlhf {

namespace {

bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

constexpr char32_t kFirstStandIn = 0x100;
constexpr char32_t kStandIns = 68;

std::array<char32_t, 256> characters_of_bytes() {
  std::array<char32_t, 256> characters{};
  char32_t next = kFirstStandIn;
  for (int byte = 0; byte < 256; ++byte) {
    characters[static_cast<size_t>(byte)] = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
  }
  return characters;
}

/// byte + 1 of each character below U+0144, 0 where the character is not of the alphabet.
std::array<uint16_t, kFirstStandIn + kStandIns> bytes_of_characters() {
  std::array<uint16_t, kFirstStandIn + kStandIns> bytes{};
  const auto characters = characters_of_bytes();
  for (size_t byte = 0; byte < 256; ++byte) bytes[characters[byte]] = static_cast<uint16_t>(byte + 1);
  return bytes;
}

}  // namespace

const std::array<std::string, 256>& byte_alphabet() {
  static const auto alphabet = [] {
    std::array<std::string, 256> spelled;
    const auto characters = characters_of_bytes();
    for (size_t byte = 0; byte < 256; ++byte) append_utf8(characters[byte], spelled[byte]);
    return spelled;
  }();
  return alphabet;
}

const std::array<unsigned char, 256>& bytes_in_alphabet_order() {
  static const auto order = [] {
    std::array<unsigned char, 256> bytes{};
    std::iota(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
    const auto characters = characters_of_bytes();
    std::sort(bytes.begin(), bytes.end(), [&](size_t a, size_t b) { return characters[a] < characters[b]; });
    return bytes;
  }();
  return order;
}

std::string bytes_to_token(std::string_view bytes) {
  std::string token;
  token.reserve(bytes.size() * 2);
  for (const char byte : bytes) token += byte_alphabet()[static_cast<unsigned char>(byte)];
  return token;
}

std::optional<std::string> token_to_bytes(std::string_view token) {
  static const auto byte_of = bytes_of_characters();
  std::string bytes;
  bytes.reserve(token.size());
  for (size_t i = 0; i < token.size();) {
    const CodePoint character = code_point_at(token, i);
    if (character.value >= byte_of.size() || byte_of[character.value] == 0) return std::nullopt;
    bytes.push_back(static_cast<char>(static_cast<unsigned char>(byte_of[character.value] - 1)));
    i += character.length;
  }
  return bytes;
}

}  // namespace rlhf
