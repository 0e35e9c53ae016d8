#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/python/native/bindings.h"
#include "client/python/native/errors.h"

namespace graphfeed::python {

namespace py = pybind11;

namespace {

// What to do with the value of each key.
using Setters = std::map<std::string, std::function<void(const py::handle& value)>>;

// INVALID_ARGUMENT for keys without a setter and for values that a setter cannot take.
void SetFields(const std::string& what, const py::dict& fields, const Setters& setters) {
  for (const auto& [key, value] : fields) {
    const std::string name = py::str(key);
    const auto setter = setters.find(name);
    if (setter == setters.end()) {
      RaiseInvalidArgument(absl::StrCat(what, " has no field \"", name, "\""));
    }
    try {
      setter->second(value);
    } catch (const py::cast_error&) {
      RaiseInvalidArgument(absl::StrCat(what, ".", name, " is ", std::string(py::repr(value))));
    }
  }
}

template <typename T>
std::function<void(const py::handle&)> To(T& field) {
  return [&field](const py::handle& value) { field = value.cast<T>(); };
}

template <typename E>
std::function<void(const py::handle&)> ToEnum(const char* name, E& field) {
  return [name, &field](const py::handle& value) {
    field = ValueOf<E>(name, value.cast<std::string>());
  };
}

std::function<void(const py::handle&)> ToIds(const char* name, std::vector<int64_t>& field) {
  return
      [name, &field](const py::handle& value) { field = IdsFrom(name, value.cast<py::array>()); };
}

py::array_t<int64_t> ArrayOf(const std::vector<int64_t>& ids) {
  return py::array_t<int64_t>(static_cast<py::ssize_t>(ids.size()), ids.data());
}

LinkSeeds LinksFrom(const py::dict& fields) {
  LinkSeeds links;
  SetFields("sampling.links", fields,
            {{"edge_type", To(links.edge_type)},
             {"sources", ToIds("sampling.links.sources", links.sources)},
             {"targets", ToIds("sampling.links.targets", links.targets)},
             {"labels", ToIds("sampling.links.labels", links.labels)},
             {"negative_mode", ToEnum("negative_mode", links.negative_mode)},
             {"negative_amount", To(links.negative_amount)},
             {"exclude_seed_edges", To(links.exclude_seed_edges)}});
  return links;
}

py::dict ToDict(const LinkSeeds& links) {
  py::dict fields;
  fields["edge_type"] = links.edge_type;
  fields["sources"] = ArrayOf(links.sources);
  fields["targets"] = ArrayOf(links.targets);
  fields["labels"] = ArrayOf(links.labels);
  fields["negative_mode"] = std::string(NameOf(links.negative_mode));
  fields["negative_amount"] = links.negative_amount;
  fields["exclude_seed_edges"] = links.exclude_seed_edges;
  return fields;
}

}  // namespace

std::vector<int64_t> IdsFrom(const std::string& field, const py::array& ids) {
  // An empty list has no integer type of its own.
  const bool is_empty = ids.ndim() == 1 && ids.size() == 0;
  if (ids.ndim() != 1 || (ids.dtype().kind() != 'i' && ids.dtype().kind() != 'u' && !is_empty)) {
    RaiseInvalidArgument(field + ": ids are integers of one dimension");
  }
  const auto values =
      py::cast<py::array_t<int64_t, py::array::c_style | py::array::forcecast>>(ids);
  return {values.data(), values.data() + values.size()};
}

SamplingSpec SamplingFrom(const py::dict& fields) {
  SamplingSpec sampling;
  SetFields("sampling", fields,
            {{"num_neighbors", To(sampling.num_neighbors)},
             {"replace", To(sampling.replace)},
             {"subgraph_type", ToEnum("subgraph_type", sampling.subgraph_type)},
             {"disjoint", To(sampling.disjoint)},
             {"time_attr", To(sampling.time_attr)},
             {"temporal_strategy", ToEnum("temporal_strategy", sampling.temporal_strategy)},
             {"weight_attr", To(sampling.weight_attr)},
             {"input_type", To(sampling.input_type)},
             {"input_mask", To(sampling.input_mask)},
             {"input_time", ToIds("sampling.input_time", sampling.input_time)},
             {"links",
              [&sampling](const py::handle& value) {
                if (value.is_none()) return;
                if (!py::isinstance<py::dict>(value)) throw py::cast_error("not a dict");
                sampling.links = LinksFrom(py::reinterpret_borrow<py::dict>(value));
              }},
             {"partition", To(sampling.partition)}});
  return sampling;
}

py::dict ToDict(const SamplingSpec& sampling) {
  py::dict fields;
  py::dict num_neighbors;
  for (const auto& [type, fanouts] : sampling.num_neighbors) {
    num_neighbors[py::str(type)] = ArrayOf(fanouts);
  }
  fields["num_neighbors"] = num_neighbors;
  fields["replace"] = sampling.replace;
  fields["subgraph_type"] = std::string(NameOf(sampling.subgraph_type));
  fields["disjoint"] = sampling.disjoint;
  fields["time_attr"] = sampling.time_attr;
  fields["temporal_strategy"] = std::string(NameOf(sampling.temporal_strategy));
  fields["weight_attr"] = sampling.weight_attr;
  fields["input_type"] = sampling.input_type;
  fields["input_mask"] = sampling.input_mask;
  fields["input_time"] = ArrayOf(sampling.input_time);
  fields["links"] = sampling.links.has_value() ? py::object(ToDict(*sampling.links)) : py::none();
  fields["partition"] = sampling.partition;
  return fields;
}

}  // namespace graphfeed::python
