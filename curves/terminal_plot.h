#pragma once
#include <optional>
#include <string>
#include <vector>

namespace rlhf {

/// A line to draw: points in the order of rising x. Points that are not finite interrupt it.
struct PlotLine {
  std::string label;
  std::vector<double> x;
  std::vector<double> y;  ///< same length as x
};

struct PlotOptions {
  std::string title;
  int width = 80;                   ///< columns of every line returned, at least 30
  int height = 10;                  ///< rows of the drawing area, at least 3
  bool color = false;               ///< ANSI colours, one per line
  bool unicode = true;              ///< braille dots and box characters; else ASCII
  std::optional<double> reference;  ///< a level to mark, for instance a target
};

/// Draws lines over one another with a title, nice ticks and a frame. Without colour or Unicode each line has
/// its own mark
/// (`plot_mark`); one line alone is drawn in braille where Unicode allows. Every returned line is `width`
/// columns wide, colours not counted. Nothing finite to draw gives a note in place of the drawing.
std::vector<std::string> plot_lines(const std::vector<PlotLine>& lines, const PlotOptions& options);

/// How the i-th line is told from the others: a coloured bar, or its mark.
std::string plot_mark(std::size_t index, const PlotOptions& options);

/// About `count` round numbers (1, 2 or 5 times a power of ten) from within [low, high], rising.
std::vector<double> nice_ticks(double low, double high, int count);

/// A number in few characters: `digits` significant ones, thousands as k, M, G, T.
std::string short_number(double value, int digits = 4);

}  // namespace rlhf
