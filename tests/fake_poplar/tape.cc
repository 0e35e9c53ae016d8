#include "tests/fake_poplar/tape.h"

#include <algorithm>
#include <cmath>

#include "poplar/exceptions.hpp"

namespace fake_poplar {
namespace {

[[noreturn]] void Fail(const std::string& message) {
  throw poplar::application_runtime_error(message);
}

std::size_t Rows(const Value& value) {
  return static_cast<std::size_t>(value.shape.empty() ? 1 : value.shape[0]);
}
std::size_t Columns(const Value& value) {
  std::size_t columns = 1;
  for (std::size_t i = 1; i < value.shape.size(); ++i) {
    columns *= static_cast<std::size_t>(value.shape[i]);
  }
  return columns;
}

std::size_t RowAt(const Value& index, std::size_t i, std::size_t rows) {
  const std::int32_t row = index.integers.at(i);
  if (row < 0 || static_cast<std::size_t>(row) >= rows) {
    Fail("index " + std::to_string(row) + " of " + std::to_string(rows) + " rows");
  }
  return static_cast<std::size_t>(row);
}

// One operation with its tensors.
struct Step {
  const Operation& op;
  Values& values;
  Value& In(std::size_t i) const {
    const auto found = values.find(op.in.at(i));
    if (found == values.end()) Fail("no tensor " + op.in[i]);
    return found->second;
  }
  Value& Out() const { return values[op.out]; }
};

void Resize(Value& value, std::vector<std::int64_t> shape) {
  value.shape = std::move(shape);
  value.floats.assign(Rows(value) * Columns(value), 0.0F);
}

// ---- integers

void ForwardRow(const Step& step) {
  const Value& matrix = step.In(0);
  const auto columns = static_cast<std::ptrdiff_t>(Columns(matrix));
  const auto begin = matrix.integers.begin() + step.op.index * columns;
  step.Out().shape = {matrix.shape.at(1)};
  step.Out().integers.assign(begin, begin + columns);
}

void NoGradient(const Step& /*step*/) {}

// ---- gather and segment_sum, each other's derivative

void ForwardGather(const Step& step) {
  const Value& x = step.In(0);
  const Value& index = step.In(1);
  const std::size_t columns = Columns(x);
  Resize(step.Out(),
         {static_cast<std::int64_t>(index.integers.size()), static_cast<std::int64_t>(columns)});
  for (std::size_t i = 0; i < index.integers.size(); ++i) {
    std::copy_n(x.floats.begin() + static_cast<std::ptrdiff_t>(RowAt(index, i, Rows(x)) * columns),
                columns, step.Out().floats.begin() + static_cast<std::ptrdiff_t>(i * columns));
  }
}

void BackwardGather(const Step& step) {
  Value& x = step.In(0);
  const Value& index = step.In(1);
  const std::size_t columns = Columns(x);
  for (std::size_t i = 0; i < index.integers.size(); ++i) {
    const std::size_t row = RowAt(index, i, Rows(x));
    for (std::size_t k = 0; k < columns; ++k) {
      x.gradient[row * columns + k] += step.Out().gradient[i * columns + k];
    }
  }
}

void ForwardSegmentSum(const Step& step) {
  const Value& x = step.In(0);
  const Value& index = step.In(1);
  const std::size_t columns = Columns(x);
  Resize(step.Out(), {step.op.size, static_cast<std::int64_t>(columns)});
  for (std::size_t i = 0; i < Rows(x); ++i) {
    const std::size_t row = RowAt(index, i, Rows(step.Out()));
    for (std::size_t k = 0; k < columns; ++k) {
      step.Out().floats[row * columns + k] += x.floats[i * columns + k];
    }
  }
}

void BackwardSegmentSum(const Step& step) {
  Value& x = step.In(0);
  const Value& index = step.In(1);
  const std::size_t columns = Columns(x);
  for (std::size_t i = 0; i < Rows(x); ++i) {
    const std::size_t row = RowAt(index, i, Rows(step.Out()));
    for (std::size_t k = 0; k < columns; ++k) {
      x.gradient[i * columns + k] += step.Out().gradient[row * columns + k];
    }
  }
}

// ---- dense layers

void ForwardMatmul(const Step& step) {
  const Value& a = step.In(0);
  const Value& b = step.In(1);
  const std::size_t inner = Columns(a);
  const std::size_t columns = Columns(b);
  if (Rows(b) != inner) Fail("matmul of tensors that do not fit: " + step.op.out);
  Resize(step.Out(), {a.shape[0], static_cast<std::int64_t>(columns)});
  for (std::size_t i = 0; i < Rows(a); ++i) {
    for (std::size_t k = 0; k < inner; ++k) {
      const float factor = a.floats[i * inner + k];
      for (std::size_t j = 0; j < columns; ++j) {
        step.Out().floats[i * columns + j] += factor * b.floats[k * columns + j];
      }
    }
  }
}

void BackwardMatmul(const Step& step) {
  Value& a = step.In(0);
  Value& b = step.In(1);
  const std::vector<float>& gradient = step.Out().gradient;
  const std::size_t inner = Columns(a);
  const std::size_t columns = Columns(b);
  for (std::size_t i = 0; i < Rows(a); ++i) {
    for (std::size_t k = 0; k < inner; ++k) {
      for (std::size_t j = 0; j < columns; ++j) {
        const float derivative = gradient[i * columns + j];
        a.gradient[i * inner + k] += derivative * b.floats[k * columns + j];
        b.gradient[k * columns + j] += derivative * a.floats[i * inner + k];
      }
    }
  }
}

void ForwardAdd(const Step& step) {
  const Value& a = step.In(0);
  const Value& b = step.In(1);
  if (a.shape != b.shape) Fail("add of tensors that do not fit: " + step.op.out);
  Resize(step.Out(), a.shape);
  for (std::size_t i = 0; i < a.floats.size(); ++i) {
    step.Out().floats[i] = a.floats[i] + b.floats[i];
  }
}

void BackwardAdd(const Step& step) {
  for (std::size_t i = 0; i < step.Out().gradient.size(); ++i) {
    step.In(0).gradient[i] += step.Out().gradient[i];
    step.In(1).gradient[i] += step.Out().gradient[i];
  }
}

void ForwardAddBias(const Step& step) {
  const Value& x = step.In(0);
  const Value& bias = step.In(1);
  const std::size_t columns = Columns(x);
  if (bias.floats.size() != columns) Fail("add_bias of tensors that do not fit: " + step.op.out);
  Resize(step.Out(), x.shape);
  for (std::size_t i = 0; i < x.floats.size(); ++i) {
    step.Out().floats[i] = x.floats[i] + bias.floats[i % columns];
  }
}

void BackwardAddBias(const Step& step) {
  const std::size_t columns = Columns(step.In(0));
  for (std::size_t i = 0; i < step.Out().gradient.size(); ++i) {
    step.In(0).gradient[i] += step.Out().gradient[i];
    step.In(1).gradient[i % columns] += step.Out().gradient[i];
  }
}

void ForwardRelu(const Step& step) {
  const Value& x = step.In(0);
  Resize(step.Out(), x.shape);
  for (std::size_t i = 0; i < x.floats.size(); ++i) {
    step.Out().floats[i] = x.floats[i] > 0 ? x.floats[i] : 0;
  }
}

void BackwardRelu(const Step& step) {
  Value& x = step.In(0);
  for (std::size_t i = 0; i < x.floats.size(); ++i) {
    if (x.floats[i] > 0) x.gradient[i] += step.Out().gradient[i];
  }
}

// ---- the loss

float MaskCount(const Value& mask) {
  float count = 0;
  for (const float is_real : mask.floats) count += is_real;
  return std::max(count, 1.0F);
}

// Softmax of one row of logits.
std::vector<float> Softmax(const Value& logits, std::size_t row) {
  const std::size_t columns = Columns(logits);
  const float* begin = logits.floats.data() + row * columns;
  const float largest = *std::max_element(begin, begin + columns);
  std::vector<float> shares(columns);
  float sum = 0;
  for (std::size_t k = 0; k < columns; ++k) sum += shares[k] = std::exp(begin[k] - largest);
  for (float& share : shares) share /= sum;
  return shares;
}

void ForwardCrossEntropy(const Step& step) {
  const Value& logits = step.In(0);
  const Value& labels = step.In(1);
  const Value& mask = step.In(2);
  Resize(step.Out(), {});
  for (std::size_t i = 0; i < Rows(logits); ++i) {
    if (mask.floats.at(i) == 0) continue;
    const std::size_t label = RowAt(labels, i, Columns(logits));
    step.Out().floats[0] -= std::log(Softmax(logits, i)[label]);
  }
  step.Out().floats[0] /= MaskCount(mask);
}

void BackwardCrossEntropy(const Step& step) {
  Value& logits = step.In(0);
  const Value& mask = step.In(2);
  const float scale = step.Out().gradient[0] / MaskCount(mask);
  const std::size_t columns = Columns(logits);
  for (std::size_t i = 0; i < Rows(logits); ++i) {
    if (mask.floats[i] == 0) continue;
    const std::vector<float> shares = Softmax(logits, i);
    const std::size_t label = RowAt(step.In(1), i, columns);
    for (std::size_t k = 0; k < columns; ++k) {
      logits.gradient[i * columns + k] += scale * (shares[k] - (k == label ? 1.0F : 0.0F));
    }
  }
}

struct Kernel {
  void (*forward)(const Step&);
  void (*backward)(const Step&);
};

const Kernel& KernelOf(const Operation& operation) {
  static const std::map<std::string, Kernel> kKernels = {
      {"row", {ForwardRow, NoGradient}},
      {"gather", {ForwardGather, BackwardGather}},
      {"segment_sum", {ForwardSegmentSum, BackwardSegmentSum}},
      {"matmul", {ForwardMatmul, BackwardMatmul}},
      {"add", {ForwardAdd, BackwardAdd}},
      {"add_bias", {ForwardAddBias, BackwardAddBias}},
      {"relu", {ForwardRelu, BackwardRelu}},
      {"masked_cross_entropy", {ForwardCrossEntropy, BackwardCrossEntropy}},
  };
  const auto found = kKernels.find(operation.op);
  if (found == kKernels.end()) Fail("no operation " + operation.op);
  return found->second;
}

}  // namespace

void Forward(const std::vector<Operation>& operations, Values& values) {
  for (const Operation& operation : operations) {
    KernelOf(operation).forward({operation, values});
  }
}

void Backward(const std::vector<Operation>& operations, const std::string& loss, Values& values) {
  for (auto& [name, value] : values) value.gradient.assign(value.floats.size(), 0.0F);
  values.at(loss).gradient.assign(1, 1.0F);
  for (auto operation = operations.rbegin(); operation != operations.rend(); ++operation) {
    KernelOf(*operation).backward({*operation, values});
  }
}

}  // namespace fake_poplar
