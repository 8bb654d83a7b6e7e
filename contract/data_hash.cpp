#include "contract/data_hash.h"

#include "contract/sha256.h"

namespace rlhf {
namespace {

class RecordHash {
 public:
  void add(const std::string& text) { hash_.update(std::to_string(text.size()) + ":" + text); }
  void add(int64_t number) { add(std::to_string(number)); }

  void add(const Prompt& prompt) {
    add(static_cast<int64_t>(prompt.messages.size()));
    add(prompt.text);
    for (const Message& message : prompt.messages) {
      add(message.role);
      add(message.content);
    }
  }

  void add(const Demonstration& demonstration) {
    add(static_cast<int64_t>(demonstration.form));
    add(demonstration.prompt);
    add(demonstration.completion);
    add(static_cast<int64_t>(demonstration.first_supervised_message));
  }

  void add(const Ranking& ranking) {
    add(ranking.prompt);
    add(static_cast<int64_t>(ranking.responses.size()));
    for (const std::string& response : ranking.responses) add(response);
    for (const int rank : ranking.ranks) add(rank);
    add(ranking.margin ? std::to_string(*ranking.margin) : "");
  }

  std::string hex_digest() { return hash_.hex_digest(); }

 private:
  Sha256 hash_;
};

template <typename Record>
std::string hash_of(const std::vector<Record>& records) {
  RecordHash hash;
  for (const Record& record : records) hash.add(record);
  return hash.hex_digest();
}

}  // namespace

std::string data_hash(const std::vector<Prompt>& prompts) {
  return hash_of(prompts);
}
std::string data_hash(const std::vector<Demonstration>& demonstrations) {
  return hash_of(demonstrations);
}
std::string data_hash(const std::vector<Ranking>& rankings) {
  return hash_of(rankings);
}
std::string data_hash(const std::vector<std::string>& texts) {
  return hash_of(texts);
}

}  // namespace rlhf
