#include "proto/frame/compact.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace graphfeed {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 24;

struct Case {
  Layout layout;
  std::vector<Counts> real;
};

// Any layout of a few tensors with all that shapes them, and counts that fit it.
Case DrawCase(std::mt19937_64& rng) {
  const auto below = [&](uint64_t n) { return static_cast<int64_t>(rng() % n); };
  Case drawn;
  Layout& layout = drawn.layout;
  layout.node_types = {"a", "b"};
  layout.edge_types = {"a|r|b"};
  layout.micro_batches = 1 + below(3);
  layout.padded = {.graphs = 1 + below(9),
                   .nodes = {below(300), below(40)},
                   .edges = {below(500)},
                   .seeds = below(20),
                   .labels = below(30)};
  const DType dtypes[] = {DType::kBool, DType::kInt32, DType::kFloat32, DType::kFloat64};
  const int64_t num_tensors = 1 + below(6);
  for (int64_t i = 0; i < num_tensors; ++i) {
    TensorSpec tensor;
    tensor.name = std::string(1, static_cast<char>('a' + i));
    tensor.dtype = dtypes[below(4)];
    tensor.axis = static_cast<Axis>(1 + below(6));
    tensor.type = tensor.axis == Axis::kNodes ? static_cast<int>(below(2)) : 0;
    tensor.axis_scale = 1 + below(2);
    for (int64_t d = below(3); d > 0; --d) tensor.row_shape.push_back(below(5));
    tensor.concat_last = !tensor.row_shape.empty() && below(2) == 0;
    layout.tensors.push_back(std::move(tensor));
  }
  auto placement = Place(layout, layout.padded, kMaxBytes);
  EXPECT_TRUE(placement.ok()) << placement.status();
  layout.places = placement->places;
  layout.slab_bytes = placement->slab_bytes;
  for (int64_t k = 0; k < layout.micro_batches; ++k) {
    const auto most = [&](int64_t count) {
      const int64_t kind = below(4);  // often nothing or all
      return kind == 0 ? 0 : kind == 1 ? count : below(static_cast<uint64_t>(count) + 1);
    };
    const Counts& padded = layout.padded;
    drawn.real.push_back({.graphs = most(padded.graphs),
                          .nodes = {most(padded.nodes[0]), most(padded.nodes[1])},
                          .edges = {most(padded.edges[0])},
                          .seeds = most(padded.seeds),
                          .labels = most(padded.labels)});
  }
  return drawn;
}

std::string PayloadOf(const CompactFrame& frame, const std::string& slab) {
  std::string payload;
  for (const CompactFrame::Piece& piece : frame.literals) {
    payload += slab.substr(static_cast<size_t>(piece.offset), static_cast<size_t>(piece.size));
  }
  return payload;
}

// Reads on from the beginning.
std::function<bool(std::byte*, int64_t)> ReaderOf(const std::string& payload) {
  return [left = absl::string_view(payload)](std::byte* to, int64_t size) mutable {
    if (size > static_cast<int64_t>(left.size())) return false;
    std::memcpy(to, left.data(), static_cast<size_t>(size));
    left.remove_prefix(static_cast<size_t>(size));
    return true;
  };
}

const std::byte* Data(const std::string& bytes) {
  return reinterpret_cast<const std::byte*>(bytes.data());
}

std::string Expanded(const CompactFrame& frame, const std::string& payload, int64_t slab_bytes) {
  EXPECT_EQ(static_cast<int64_t>(payload.size()), frame.payload_bytes);
  const auto size = ExpandedBytes(frame.runs, frame.payload_bytes, slab_bytes);
  EXPECT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(size.value_or(0), slab_bytes);
  std::string slab(static_cast<size_t>(slab_bytes), '?');
  EXPECT_TRUE(Expand(frame.runs, ReaderOf(payload), reinterpret_cast<std::byte*>(slab.data())));
  return slab;
}

TEST(CompactTest, WhatArrivesIsTheSlabWhateverItHolds) {
  std::mt19937_64 rng(5);
  int with_runs = 0;
  for (int i = 0; i < 3000; ++i) {
    const Case drawn = DrawCase(rng);
    std::string slab(static_cast<size_t>(drawn.layout.slab_bytes), '\0');
    // From noise, in which nothing repeats, to zeros.
    const uint64_t alphabet = uint64_t{1} << (rng() % 9);
    const size_t same = 1 + rng() % 400;
    for (size_t at = 0; at < slab.size(); at += same) {
      std::memset(slab.data() + at, static_cast<int>(rng() % alphabet),
                  std::min(same, slab.size() - at));
    }
    const CompactFrame frame = Compact(drawn.layout, drawn.real, Data(slab));
    with_runs += frame.payload_bytes < drawn.layout.slab_bytes ? 1 : 0;
    ASSERT_TRUE(Expanded(frame, PayloadOf(frame, slab), drawn.layout.slab_bytes) == slab)
        << "case " << i;
  }
  EXPECT_GT(with_runs, 300);
}

Layout NodeLayout(int64_t num_nodes, int64_t features) {
  Layout layout;
  layout.node_types = {""};
  layout.edge_types = {"||"};
  layout.padded = {.graphs = 2, .nodes = {num_nodes}, .edges = {0}};
  layout.tensors = {{.store = "",
                     .name = "x",
                     .dtype = DType::kFloat32,
                     .axis = Axis::kNodes,
                     .row_shape = {features}}};
  auto placement = Place(layout, layout.padded, kMaxBytes);
  layout.places = placement->places;
  layout.slab_bytes = placement->slab_bytes;
  return layout;
}

TEST(CompactTest, PaddingDoesNotTravel) {
  const Layout layout = NodeLayout(1000, 11);
  std::string slab(static_cast<size_t>(layout.slab_bytes), '\0');
  const std::string pad(44, 'p');
  for (size_t row = 300; row < 1000; ++row) slab.replace(row * 44, 44, pad);
  const std::vector<Counts> real = {{.graphs = 1, .nodes = {300}, .edges = {0}}};
  const CompactFrame frame = Compact(layout, real, Data(slab));
  EXPECT_LT(frame.payload_bytes, 300 * 44 + kSlabAlignment);
  EXPECT_LT(frame.runs.size(), 60u);
  EXPECT_TRUE(Expanded(frame, PayloadOf(frame, slab), layout.slab_bytes) == slab);
}

TEST(CompactTest, DataThatRepeatsTravels) {
  const Layout layout = NodeLayout(1000, 11);
  const std::string slab(static_cast<size_t>(layout.slab_bytes), '\0');
  const std::vector<Counts> real = {{.graphs = 1, .nodes = {1000}, .edges = {0}}};
  EXPECT_EQ(Compact(layout, real, Data(slab)).payload_bytes, layout.slab_bytes);
}

TEST(CompactTest, ACodeStaysShort) {
  const Layout layout = NodeLayout(100'000, 16);
  std::string slab(static_cast<size_t>(layout.slab_bytes), '\0');
  for (size_t row = 0; row < 100'000; ++row) slab[row * 64] = static_cast<char>(row / 8);
  const std::vector<Counts> real = {{.graphs = 1, .nodes = {0}, .edges = {0}}};
  const CompactFrame frame = Compact(layout, real, Data(slab));
  EXPECT_LT(frame.payload_bytes, layout.slab_bytes);
  EXPECT_LT(frame.runs.size(), (1u << 20) + 100);
  EXPECT_TRUE(Expanded(frame, PayloadOf(frame, slab), layout.slab_bytes) == slab);
}

TEST(CompactTest, HostileCodesAreRefused) {
  const auto refused = [](const std::string& runs, int64_t payload, int64_t most) {
    const absl::Status status = ExpandedBytes(runs, payload, most).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  };
  const std::string good = {4, 6, 2, 'a', 'b'};  // 4 literal bytes, then "ababab"
  ASSERT_EQ(*ExpandedBytes(good, 4, 10), 10);
  EXPECT_EQ(*ExpandedBytes("", 0, 10), 0);
  for (size_t length = 1; length < good.size(); ++length) refused(good.substr(0, length), 4, 10);
  refused(good, 3, 10);
  refused(good, 5, 10);
  refused(good, 4, 9);
  refused({4, 5, 2, 'a', 'b'}, 4, 100);      // no whole rows
  refused({4, 6, 0}, 4, 100);                // rows without bytes
  refused({0, 6, 6, 'a'}, 0, 100);           // a row that ends early
  refused(std::string(10, '\xff'), 0, 100);  // a number without end
  const std::string large = "\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
  refused(large + std::string(1, '\0'), 100, 100);
  refused(std::string(1, '\0') + large + std::string("\x01z"), 0, 100);
  // Any change of a good code is refused or says as many bytes as it writes.
  std::mt19937_64 rng(8);
  for (int i = 0; i < 20000; ++i) {
    std::string runs = good + good;
    for (uint64_t changes = 1 + rng() % 3; changes > 0; --changes) {
      runs[rng() % runs.size()] = static_cast<char>(rng() % 40);
    }
    const auto size = ExpandedBytes(runs, 8, 64);
    if (!size.ok()) continue;
    std::vector<std::byte> slab(static_cast<size_t>(*size));  // watched by sanitizers
    EXPECT_TRUE(Expand(runs, ReaderOf(std::string(8, 'p')), slab.data()));
  }
}

}  // namespace
}  // namespace graphfeed
