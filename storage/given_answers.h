#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "contract/given_answer.h"
#include "contract/prompt.h"
#include "storage/database.h"

namespace rlhf {

/// Which answers. All that count, unless narrowed.
struct AnswerSelection {
  int64_t campaign = 0;     ///< given in this one; 0 for all, imported ones too
  std::string source;       ///< about prompts of this data set
  int64_t shared_with = 0;  ///< about tasks of the campaign that this annotator answered; 0 for all
};

/// Calls `visit` with each submitted ranking, those of one prompt one after the other, oldest first, as one
/// consistent snapshot. Time linear in what is selected. `visit` must not use the same Database.
void for_each_answer(Database& database, const AnswerSelection& selection,
                     const std::function<void(const RankedAnswer&)>& visit);

/// The same with all answers of one prompt at a time.
void for_each_answered_prompt(Database& database, const AnswerSelection& selection,
                              const std::function<void(std::vector<RankedAnswer>&&)>& visit);

/// Calls `visit` with each rating of a submitted annotation, oldest first.
void for_each_rating(Database& database, const AnswerSelection& selection,
                     const std::function<void(const RatedAspect&, const GivenRating&)>& visit);

/// Names by id.
std::map<int64_t, std::string> annotator_handles(Database& database);

/// A prompt of the ledger. Throws UserError when there is none.
Prompt prompt_with_id(Database& database, int64_t prompt_id);
/// The text of a response. Throws UserError when there is none.
std::string response_text(Database& database, int64_t response_id);

}  // namespace rlhf
