#include "tests/end_to_end/ledger_rows.h"

#include <SQLiteCpp/SQLiteCpp.h>

namespace rlhf::test {

std::vector<std::string> rows_of(const std::filesystem::path& ledger, const std::string& query) {
  // As others write to it, and those who wrote may have been killed.
  SQLite::Database database(ledger.string(), SQLite::OPEN_READWRITE, 60000);
  SQLite::Statement statement(database, query);
  std::vector<std::string> rows;
  while (statement.executeStep()) {
    std::string row;
    for (int i = 0; i < statement.getColumnCount(); ++i) row += statement.getColumn(i).getString() + "|";
    rows.push_back(row);
  }
  return rows;
}

std::vector<std::string> trajectory_rows(const std::filesystem::path& ledger) {
  return rows_of(ledger, R"(
    SELECT step, iteration, prompt_slot, sample_index, prompt_index, prompt_text, response_text, finish_reason,
           raw_score, score, score_spread, kl, beta, policy_version, hex(prompt_ids), hex(response_ids),
           hex(sampling_logprobs), hex(policy_logprobs), hex(reference_logprobs), hex(rewards), hex("values"),
           hex(advantages)
    FROM trajectories JOIN trajectory_tokens ON trajectory_id = id ORDER BY step, prompt_slot, sample_index)");
}

std::vector<std::string> ledger_metric_rows(const std::filesystem::path& ledger) {
  return rows_of(ledger, R"(
    SELECT step, name, value FROM metrics JOIN metric_names ON name_id = id
    WHERE name NOT LIKE 'timing/%' AND name NOT LIKE '%_per_second' AND name <> 'time' ORDER BY step, name)");
}

}  // namespace rlhf::test
