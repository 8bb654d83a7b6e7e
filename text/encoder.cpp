#include "text/encoder.h"

#include "contract/error.h"
#include "text/byte_alphabet.h"
#include "text/utf8.h"

namespace rlhf {

/// One call of encode: the text in hand and what has been made of it.
class Encoder::Run {
 public:
  Run(const Encoder& encoder, bool with_spans)
      : encoder_(encoder), with_spans_(with_spans), cache_(encoder.borrow_cache()) {}
  ~Run() { encoder_.give_back(std::move(cache_)); }

  void encode(std::string_view text) {
    for (const auto& stretch : encoder_.raw_tokens_.split(text)) {
      if (stretch.id) {
        put(*stretch.id, {stretch.begin, stretch.end});
      } else {
        normalize(text.substr(stretch.begin, stretch.end - stretch.begin), stretch.begin);
      }
    }
  }

  void put(TokenId id, ByteSpan span) {
    result.ids.push_back(id);
    if (with_spans_) result.spans.push_back(span);
  }

  Encoding result;

 private:
  void normalize(std::string_view source, size_t offset) {
    const NormalizedText normalized(source, encoder_.nfc_);
    for (const auto& stretch : encoder_.normalized_tokens_.split(normalized.text())) {
      if (stretch.id) {
        put(*stretch.id,
            {offset + normalized.source_begin(stretch.begin), offset + normalized.source_end(stretch.end)});
        continue;
      }
      words_.clear();
      const auto piece = normalized.text().substr(stretch.begin, stretch.end - stretch.begin);
      encoder_.pre_tokenizer_.split(piece, words_);
      for (const auto& word : words_) {
        encode_word(piece, word);
        if (with_spans_) place(word, stretch.begin, normalized, offset);
      }
    }
  }

  /// Appends the word's ids, and to tokens_ (when spans are wanted) the bytes of the word that each covers.
  void encode_word(std::string_view piece, const PreTokenizer::Word& word) {
    std::string_view bytes = piece.substr(word.begin, word.end - word.begin);
    if (word.prefix_space) {
      spaced_.assign(" ").append(bytes);
      bytes = spaced_;
    }
    tokens_.clear();
    const bool cacheable = WordCache::fits(bytes);
    if (cacheable) {
      if (const auto ids = cache_->find(bytes); !ids.empty()) return recall(ids);
    }
    const size_t first = result.ids.size();
    result.dropped_bytes += encoder_.bpe_.encode(bytes, tokens_);
    for (const WordToken& token : tokens_) result.ids.push_back(token.id);
    if (cacheable && encoder_.bpe_.covers(bytes)) cache_->put(bytes, std::span(result.ids).subspan(first));
  }

  void recall(std::span<const TokenId> ids) {
    result.ids.insert(result.ids.end(), ids.begin(), ids.end());
    if (!with_spans_) return;
    uint32_t begin = 0;
    for (const TokenId id : ids) {
      const uint32_t length = encoder_.token_lengths_[static_cast<size_t>(id)];
      tokens_.push_back({id, begin, begin + length});
      begin += length;
    }
  }

  /// Spans of tokens_ in the source: positions in the word, in the piece, in the normalized text, in the
  /// source.
  void place(const PreTokenizer::Word& word, size_t piece_begin, const NormalizedText& normalized,
             size_t offset) {
    const size_t extra = word.prefix_space ? 1 : 0;
    const size_t base = piece_begin + word.begin;
    for (const WordToken& token : tokens_) {
      const size_t begin = base + (token.begin > extra ? token.begin - extra : 0);
      const size_t end = base + (token.end > extra ? token.end - extra : 0);
      const size_t source_begin = normalized.source_begin(begin);
      result.spans.push_back(
          {offset + source_begin, offset + (end > begin ? normalized.source_end(end) : source_begin)});
    }
  }

  const Encoder& encoder_;
  bool with_spans_;
  std::unique_ptr<WordCache> cache_;
  std::vector<PreTokenizer::Word> words_;
  std::vector<WordToken> tokens_;
  std::string spaced_;
};

Encoder::Encoder(const TokenizerDefinition& definition)
    : nfc_(definition.nfc),
      prefix_ids_(definition.prefix_ids),
      suffix_ids_(definition.suffix_ids),
      pre_tokenizer_(definition),
      bpe_(definition) {
  for (const AddedToken& token : definition.added_tokens) {
    if (token.normalized) {
      normalized_tokens_.add(token, nfc_ ? to_nfc(token.content) : token.content);
    } else {
      raw_tokens_.add(token, token.content);
    }
  }
  if (!definition.vocab.empty())
    token_lengths_.resize(static_cast<size_t>(definition.vocab.back().second) + 1);
  for (const auto& [token, id] : definition.vocab) {
    const auto bytes = token_to_bytes(token);
    token_lengths_[static_cast<size_t>(id)] = static_cast<uint32_t>(bytes ? bytes->size() : token.size());
  }
}

Encoding Encoder::encode(std::string_view text, EncodeOptions options, bool with_spans) const {
  if (const size_t invalid = find_invalid_utf8(text); invalid != std::string_view::npos) {
    throw UserError("text is not valid UTF-8: byte " + std::to_string(invalid) + " of " +
                    std::to_string(text.size()));
  }
  Run run(*this, with_spans);
  if (options.add_special_tokens) {
    for (const TokenId id : prefix_ids_) run.put(id, {0, 0});
  }
  run.encode(text);
  if (options.add_special_tokens) {
    for (const TokenId id : suffix_ids_) run.put(id, {text.size(), text.size()});
  }
  dropped_bytes_ += run.result.dropped_bytes;
  return std::move(run.result);
}

std::unique_ptr<WordCache> Encoder::borrow_cache() const {
  {
    const std::lock_guard lock(caches_mutex_);
    if (!caches_.empty()) {
      auto cache = std::move(caches_.back());
      caches_.pop_back();
      return cache;
    }
  }
  return std::make_unique<WordCache>();
}

void Encoder::give_back(std::unique_ptr<WordCache> cache) const {
  const std::lock_guard lock(caches_mutex_);
  caches_.push_back(std::move(cache));
}

}  // namespace rlhf
