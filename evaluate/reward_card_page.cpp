#include "evaluate/reward_card_page.h"

#include <ctime>

#include "curves/page_parts.h"
#include "curves/page_text.h"
#include "evaluate/card_parts.h"
#include "evaluate/reward_card_json.h"

namespace rlhf {

std::string reward_card_page(const RewardCard& card) {
  nlohmann::ordered_json data = reward_card_json(card);
  data["made"] = std::time(nullptr);
  std::string page(kCardHtml);
  // The data goes in last: nothing in it can then be taken for a mark.
  fill_in(page, "/*STYLE*/", kPageStyle);
  fill_in(page, "/*CARD_STYLE*/", kCardStyle);
  fill_in(page, "/*CHARTJS*/", kChartJs);
  fill_in(page, "/*PIECES*/", kPagePieces);
  fill_in(page, "/*SCRIPT*/", kCardScript);
  fill_in(page, "/*DATA*/", script_safe(data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
  return page;
}

}  // namespace rlhf
