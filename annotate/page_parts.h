#pragma once
#include <string_view>

namespace rlhf {

/// The files of annotate/page/, put into the program at build time by cmake/embed.cmake.
extern const std::string_view kRankPageHtml;
extern const std::string_view kNoticeHtml;
extern const std::string_view kPageCss;
extern const std::string_view kIconSvg;
extern const std::string_view kPageJs;
extern const std::string_view kElementsJs;
extern const std::string_view kRankingJs;
extern const std::string_view kEntryJs;
extern const std::string_view kOutboxJs;
extern const std::string_view kTextsJs;
extern const std::string_view kCardsJs;
extern const std::string_view kBoardJs;
extern const std::string_view kDragJs;
extern const std::string_view kFiguresJs;

}  // namespace rlhf
