#include "annotate/page_links.h"

#include <algorithm>
#include <array>
#include <map>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "contract/error.h"
#include "contract/sha256.h"
#include "storage/normal_text.h"

namespace rlhf {

namespace {

constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kLongestName = 200;
constexpr char kBase64Url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string base64url(const unsigned char* bytes, std::size_t size) {
  std::string text;
  unsigned pending = 0;
  int bits = 0;
  for (std::size_t i = 0; i < size; ++i) {
    pending = (pending << 8) | bytes[i];
    for (bits += 8; bits >= 6; bits -= 6) text += kBase64Url[(pending >> (bits - 6)) & 63];
  }
  if (bits > 0) text += kBase64Url[(pending << (6 - bits)) & 63];
  return text;
}

std::string without_blanks_around(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string> split_names(const std::string& names) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (true) {
    const std::size_t comma = names.find(',', begin);
    parts.push_back(without_blanks_around(names.substr(begin, comma - begin)));
    if (comma == std::string::npos) return parts;
    begin = comma + 1;
  }
}

void check_names(const std::vector<std::string>& names) {
  std::map<std::string, std::string> seen;
  for (const std::string& name : names) {
    if (name.empty()) throw UserError("--annotators: a name is empty; give NAME,NAME,...");
    if (name.size() > kLongestName) throw UserError("--annotators: a name is longer than 200 bytes");
    std::string normal;
    try {
      normal = normalized_text(name);
    } catch (const UserError&) {
      throw UserError("--annotators: a name is not UTF-8");
    }
    if (normal.empty()) throw UserError("--annotators: a name is blank");
    if (const auto [other, is_new] = seen.emplace(normal, name); !is_new)
      throw UserError("--annotators: \"" + name + "\" and \"" + other->second + "\" are the same name");
  }
}

}  // namespace

std::string new_token() {
  std::array<unsigned char, kTokenBytes> bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw WorldError("the system gives no random bytes to make links from");
  return base64url(bytes.data(), bytes.size());
}

std::vector<PageAnnotator> page_annotators(AnnotationStore& store, const std::string& names) {
  const std::vector<std::string> parts = split_names(names);
  check_names(parts);
  std::vector<PageAnnotator> annotators;
  for (const std::string& name : parts) {
    const std::string kind = store.annotator_kind(name);
    if (!kind.empty() && kind != "human")
      throw UserError("--annotators: \"" + name + "\" is a " + kind +
                      " annotator of this ledger, not a person");
  }
  for (const std::string& name : parts) annotators.push_back({store.annotator(name, "human"), name});
  return annotators;
}

PageLinks::PageLinks(std::vector<PageAnnotator> annotators, std::vector<AnnotatorLink> links)
    : annotators_(std::move(annotators)), links_(std::move(links)) {}

PageLinks::Visitor PageLinks::visitor(std::string_view token, int64_t now_ms) const {
  const Sha256Digest presented = sha256_digest(token);
  const AnnotatorLink* found = nullptr;
  for (const AnnotatorLink& link : links_) {
    if (CRYPTO_memcmp(link.token_sha256.data(), presented.data(), presented.size()) == 0) found = &link;
  }
  if (found == nullptr) return {};
  const auto who = std::find_if(annotators_.begin(), annotators_.end(),
                                [&](const PageAnnotator& one) { return one.id == found->annotator; });
  if (who == annotators_.end()) return {};
  if (found->expires_ms <= now_ms) return {Admission::kExpired, {}, found->expires_ms};
  return {Admission::kAdmitted, *who, found->expires_ms};
}

}  // namespace rlhf
