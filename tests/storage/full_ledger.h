#pragma once
#include <string>

#include "storage/database.h"

namespace rlhf::test {

/// Puts something of every kind into an empty ledger: records of three imports, sampled responses, a campaign
/// with answers in every state by three people, a run with its models, curves and trajectories. The same
/// every time but for the times of day.
void fill_ledger(Database& database);

/// What people said and models are trained on, as text: every prompt, demonstration, ranking and rated
/// response, with who said it and what the data set said of it. Left out are the ids that prompts and
/// responses had in a data set.
std::string said_in(Database& database);

}  // namespace rlhf::test
