#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "contract/token.h"

namespace rlhf {

/// Distinct n-grams over all n-grams, pooled over the responses (Li et al., arXiv 1510.03055): 1 when nothing
/// repeats. n-grams do not cross responses; 0 when there is none. Depends on the number of responses: compare
/// only equal counts. Leave the end-of-sequence token out. n >= 1.
double distinct_n(const std::vector<std::vector<TokenId>>& responses, int n);

/// The same over words, for texts whose tokens are not at hand.
double distinct_n(const std::vector<std::string>& texts, int n);

/// Mean over texts of the share of words that stood earlier in the same text; a text without words counts 0.
/// 0 when there is no text.
double repeated_word_share(const std::vector<std::string>& texts);

/// Split at ASCII white space, ASCII letters lower-cased, ASCII punctuation at both ends dropped; empty words
/// are left out. Other bytes are kept as they are.
std::vector<std::string> words_of(std::string_view text);

}  // namespace rlhf
