#include "curves/terminal_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <utility>

namespace rlhf {
namespace {

constexpr int kLabelWidth = 9;
constexpr std::array<int, 8> kColors = {39, 208, 78, 170, 220, 45, 203, 147};  // of the 256-colour palette
constexpr char kMarks[] = "o+x*#@%&";

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
  double share(double value) const { return (value - low) / (high - low); }
  /// A level line still needs a height to be drawn in.
  void open_up() {
    if (high - low > 1e-12 * std::max(std::abs(low), std::abs(high)) && high > low) return;
    const double room = low == 0 ? 1 : std::abs(low) * 0.1;
    low -= room;
    high += room;
  }
};

std::string utf8(uint32_t code) {  // U+0800..U+FFFF
  return {static_cast<char>(0xe0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3f)),
          static_cast<char>(0x80 | (code & 0x3f))};
}

std::string color_code(std::size_t index) {
  return "\x1b[38;5;" + std::to_string(kColors[index % kColors.size()]) + "m";
}

std::string right_aligned(const std::string& text, int width) {
  return std::string(static_cast<std::size_t>(std::max(0, width - static_cast<int>(text.size()))), ' ') +
         text;
}

/// A grid of character cells, each of `across` x `down` dots: 2 x 4 in braille, else 1 x 1.
class Canvas {
 public:
  Canvas(int columns, int rows, bool braille)
      : columns_(columns),
        rows_(rows),
        across_(braille ? 2 : 1),
        down_(braille ? 4 : 1),
        cells_(static_cast<std::size_t>(columns * rows)) {}

  int dots_across() const { return columns_ * across_; }
  int dots_down() const { return rows_ * down_; }

  void dot(int x, int y, std::size_t line) {
    if (x < 0 || y < 0 || x >= dots_across() || y >= dots_down()) return;
    Cell& cell = cells_[static_cast<std::size_t>((y / down_) * columns_ + x / across_)];
    static constexpr int kBits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    cell.dots |= kBits[y % down_][x % across_];
    cell.line = static_cast<int>(line);
  }

  void segment(int x0, int y0, int x1, int y1, std::size_t line) {
    const int steps = std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1});
    for (int i = 0; i <= steps; ++i) {
      const double share = static_cast<double>(i) / steps;
      dot(x0 + static_cast<int>(std::lround(share * (x1 - x0))),
          y0 + static_cast<int>(std::lround(share * (y1 - y0))), line);
    }
  }

  std::string row(int y, int reference_row, const PlotOptions& options) const {
    std::string text;
    int color = -1;  // of the line whose colour is in force
    const auto paint = [&](int line) {
      if (!options.color || line == color) return;
      text += line < 0 ? "\x1b[0m" : color_code(static_cast<std::size_t>(line));
      color = line;
    };
    for (int x = 0; x < columns_; ++x) {
      const Cell& cell = cells_[static_cast<std::size_t>(y * columns_ + x)];
      paint(cell.line);
      const bool dash = cell.line < 0 && y == reference_row && x % 2 == 0;
      if (cell.line < 0) {
        text += !dash ? " " : options.unicode ? "╌" : "-";
      } else {
        text += across_ == 2 ? utf8(0x2800u + static_cast<uint32_t>(cell.dots))
                             : std::string(1, kMarks[cell.line % 8]);
      }
    }
    paint(-1);
    return text;
  }

 private:
  struct Cell {
    int dots = 0;
    int line = -1;
  };
  int columns_;
  int rows_;
  int across_;
  int down_;
  std::vector<Cell> cells_;
};

void draw(Canvas& canvas, const PlotLine& line, std::size_t index, const Range& xs, const Range& ys) {
  bool connected = false;
  int last_x = 0;
  int last_y = 0;
  for (std::size_t i = 0; i < line.x.size(); ++i) {
    if (!std::isfinite(line.y[i])) {
      connected = false;
      continue;
    }
    const int x = static_cast<int>(std::lround(xs.share(line.x[i]) * (canvas.dots_across() - 1)));
    const int y = static_cast<int>(std::lround((1 - ys.share(line.y[i])) * (canvas.dots_down() - 1)));
    canvas.segment(connected ? last_x : x, connected ? last_y : y, x, y, index);
    last_x = x;
    last_y = y;
    connected = true;
  }
}

std::string title_line(const PlotOptions& options) {
  const std::string title = options.title.substr(0, static_cast<std::size_t>(options.width));
  const std::string rest(static_cast<std::size_t>(options.width) - title.size(), ' ');
  return options.color ? "\x1b[1m" + title + "\x1b[0m" + rest : title + rest;
}

/// The row of each tick's label.
std::vector<std::string> y_labels(const Range& ys, int rows) {
  std::vector<std::string> labels(static_cast<std::size_t>(rows));
  const auto ticks = nice_ticks(ys.low, ys.high, std::max(2, rows / 3));
  // Neighbouring ticks must differ in print: 1.0001 and 1.0002 need five digits.
  const double steps = std::max(std::abs(ys.low), std::abs(ys.high)) / (ys.high - ys.low);
  const int digits = std::clamp(2 + static_cast<int>(std::ceil(std::log10(steps * rows))), 4, 7);
  for (const double tick : ticks) {
    labels[static_cast<std::size_t>(std::lround((1 - ys.share(tick)) * (rows - 1)))] =
        short_number(tick, digits);
  }
  return labels;
}

std::string x_labels(const Range& xs, int columns) {
  std::string text(static_cast<std::size_t>(columns), ' ');
  std::size_t free_from = 0;
  for (const double tick : nice_ticks(xs.low, xs.high, std::max(2, columns / 16))) {
    const std::string label = short_number(tick);
    const auto center = static_cast<std::size_t>(std::lround(xs.share(tick) * (columns - 1)));
    const std::size_t wanted = center - std::min(center, label.size() / 2);
    const std::size_t start = std::min(wanted, text.size() - std::min(text.size(), label.size()));
    if (start < free_from) continue;
    text.replace(start, label.size(), label);
    free_from = start + label.size() + 1;
  }
  return text;
}

}  // namespace

std::vector<std::string> plot_lines(const std::vector<PlotLine>& lines, const PlotOptions& given) {
  PlotOptions options = given;
  options.width = std::max(options.width, 30);
  options.height = std::max(options.height, 3);
  Range xs;
  Range ys;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.x.size(); ++i) {
      if (!std::isfinite(line.y[i])) continue;
      xs.include(line.x[i]);
      ys.include(line.y[i]);
    }
  }
  std::vector<std::string> text = {title_line(options)};
  if (xs.empty()) {
    const std::string note = "  nothing finite to draw";
    text.push_back(note + std::string(static_cast<std::size_t>(options.width) - note.size(), ' '));
    return text;
  }
  if (options.reference) ys.include(*options.reference);
  xs.open_up();
  ys.open_up();

  const int columns = options.width - kLabelWidth - 2;
  Canvas canvas(columns, options.height, options.unicode && (options.color || lines.size() == 1));
  for (std::size_t i = 0; i < lines.size(); ++i) draw(canvas, lines[i], i, xs, ys);
  const int reference_row =
      options.reference
          ? static_cast<int>(std::lround((1 - ys.share(*options.reference)) * (options.height - 1)))
          : -1;
  const auto labels = y_labels(ys, options.height);
  for (int y = 0; y < options.height; ++y) {
    const std::string& label = labels[static_cast<std::size_t>(y)];
    const char* frame = options.unicode ? (label.empty() ? " │" : " ┤") : (label.empty() ? " |" : " +");
    text.push_back(right_aligned(label, kLabelWidth) + frame + canvas.row(y, reference_row, options));
  }
  text.push_back(std::string(kLabelWidth + 2, ' ') + x_labels(xs, columns));
  return text;
}

std::string plot_mark(std::size_t index, const PlotOptions& options) {
  if (options.color)
    return color_code(index) + (options.unicode ? "━━" : std::string(1, kMarks[index % 8])) + "\x1b[0m";
  return std::string(1, kMarks[index % 8]);
}

std::vector<double> nice_ticks(double low, double high, int count) {
  const double rough = (high - low) / std::max(1, count);
  if (!(rough > 0) || !std::isfinite(rough)) return {low};
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = power;
  for (const double factor : {10.0, 5.0, 2.0, 1.0}) {
    if (factor * power >= rough * (1 - 1e-9)) step = factor * power;
  }
  std::vector<double> ticks;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i)
    ticks.push_back(i * step + 0.0);
  return ticks;
}

std::string short_number(double value, int digits) {
  char text[40];
  const double size = std::abs(value);
  static constexpr std::pair<double, const char*> kUnits[] = {
      {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}};
  const auto* unit =
      std::find_if(std::begin(kUnits), std::end(kUnits), [&](const auto& u) { return size >= u.first; });
  if (unit == std::end(kUnits) || size >= 1e15) {
    std::snprintf(text, sizeof(text), "%.*g", size < 1e-3 ? std::min(digits, 2) : digits, value);
  } else {
    std::snprintf(text, sizeof(text), "%.*g%s", digits, value / (unit->first == 1e4 ? 1e3 : unit->first),
                  unit->second);
  }
  return text;
}

}  // namespace rlhf
