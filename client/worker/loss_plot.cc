#include "client/worker/loss_plot.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace graphfeed {
namespace {

constexpr double kWidth = 800;
constexpr double kHeight = 400;
constexpr double kLeft = 70;
constexpr double kRight = 20;
constexpr double kTop = 40;
constexpr double kBottom = 50;
constexpr size_t kMaxPoints = 2000;

using Points = std::vector<std::pair<double, double>>;

Points Thin(const std::vector<std::pair<int64_t, double>>& losses) {
  const size_t stride = (losses.size() + kMaxPoints - 1) / kMaxPoints;
  Points points;
  for (size_t i = 0; i < losses.size(); i += stride) {
    const size_t end = std::min(i + stride, losses.size());
    double sum = 0;
    for (size_t j = i; j < end; ++j) sum += losses[j].second;
    points.emplace_back(static_cast<double>(losses[end - 1].first),
                        sum / static_cast<double>(end - i));
  }
  return points;
}

}  // namespace

std::string LossPlotSvg(const std::vector<std::pair<int64_t, double>>& losses,
                        const std::string& title) {
  const Points points = Thin(losses);
  double low = 0;
  double high = 0;
  bool any = false;
  for (const auto& [step, loss] : points) {
    if (!std::isfinite(loss)) continue;
    low = any ? std::min(low, loss) : std::min(loss, 0.0);
    high = any ? std::max(high, loss) : loss;
    any = true;
  }
  if (high <= low) high = low + 1;
  const double first = points.empty() ? 0 : points.front().first;
  const double last =
      points.empty() || points.back().first <= first ? first + 1 : points.back().first;
  const auto x = [&](double step) {
    return kLeft + (step - first) / (last - first) * (kWidth - kLeft - kRight);
  };
  const auto y = [&](double loss) {
    return kHeight - kBottom - (loss - low) / (high - low) * (kHeight - kTop - kBottom);
  };
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" "
      "fill=\"white\"/>\n<text x=\"%g\" y=\"22\" font-size=\"14\">%s</text>\n",
      kWidth, kHeight, kLeft,
      absl::StrReplaceAll(title, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}}));
  for (int i = 0; i <= 4; ++i) {
    const double loss = low + (high - low) * i / 4;
    const double step = first + (last - first) * i / 4;
    absl::StrAppendFormat(&svg,
                          "<path d=\"M%g %.1fH%g\" stroke=\"#ddd\"/>\n"
                          "<text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n"
                          "<text x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%.0f</text>\n",
                          kLeft, y(loss), kWidth - kRight, kLeft - 6, y(loss) + 4, loss, x(step),
                          kHeight - kBottom + 18, step);
  }
  absl::StrAppendFormat(&svg,
                        "<text x=\"%g\" y=\"%g\" text-anchor=\"middle\">step</text>\n"
                        "<text x=\"16\" y=\"%g\">loss</text>\n",
                        (kLeft + kWidth - kRight) / 2, kHeight - 10, kTop - 6);
  std::string path;
  bool drawing = false;
  for (const auto& [step, loss] : points) {
    if (std::isfinite(loss)) {
      absl::StrAppendFormat(&path, "%s%.1f %.1f", drawing ? "L" : "M", x(step), y(loss));
    }
    drawing = std::isfinite(loss);
  }
  absl::StrAppend(&svg, "<path d=\"", path,
                  "\" fill=\"none\" stroke=\"#1f77b4\" stroke-width=\"1.5\"/>\n</svg>\n");
  return svg;
}

}  // namespace graphfeed
