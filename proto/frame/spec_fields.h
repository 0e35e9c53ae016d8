#ifndef GRAPHFEED_PROTO_FRAME_SPEC_FIELDS_H_
#define GRAPHFEED_PROTO_FRAME_SPEC_FIELDS_H_

// The fields of a batch spec and of the values in it, each once: its name (in messages, JSON,
// Python and errors) and its member. A new field is written here, and all of those have it.
//
//   ForEachField(spec, [&](const char* name, auto& field) { ... });
//
// Resolved values (server/batching) have fields of the same names, some of other types. They can
// be visited together: VisitSpecFields<ResolvedSpec, BatchSpec>(visit) calls visit(name,
// &ResolvedSpec::field, &BatchSpec::field) for each.

#include <type_traits>
#include <utility>

#include "proto/frame/batch_spec.h"

namespace graphfeed {

// The order is that of the spec's digest (docs/determinism.md), which a field more changes for
// every spec: it needs a new encoding version.

template <typename... Specs, typename Visitor>
void VisitSpecFields(Visitor&& visit) {
  visit("strategy", &Specs::strategy...);
  visit("over_size", &Specs::over_size...);
  visit("options", &Specs::options...);
  visit("batch_size", &Specs::batch_size...);
  visit("selection", &Specs::selection...);
  visit("shuffle", &Specs::shuffle...);
  visit("drop_last", &Specs::drop_last...);
  visit("incomplete_step", &Specs::incomplete_step...);
  visit("micro_batches", &Specs::micro_batches...);
  visit("masks", &Specs::masks...);
  visit("exclude_keys", &Specs::exclude_keys...);
  visit("follow_batch", &Specs::follow_batch...);
  visit("index_dtype", &Specs::index_dtype...);
  visit("narrow_columns", &Specs::narrow_columns...);
  visit("float16_columns", &Specs::float16_columns...);
  visit("sampling", &Specs::sampling...);
}

template <typename... Options, typename Visitor>
void VisitOptionFields(Visitor&& visit) {
  visit("num_nodes", &Options::num_nodes...);
  visit("num_edges", &Options::num_edges...);
  visit("num_graphs", &Options::num_graphs...);
  visit("node_pad_value", &Options::node_pad_value...);
  visit("edge_pad_value", &Options::edge_pad_value...);
  visit("graph_pad_value", &Options::graph_pad_value...);
  visit("pad_graph_defaults", &Options::pad_graph_defaults...);
  visit("num_rows", &Options::num_rows...);
}

template <typename... Samplings, typename Visitor>
void VisitSamplingFields(Visitor&& visit) {
  visit("num_neighbors", &Samplings::num_neighbors...);
  visit("replace", &Samplings::replace...);
  visit("subgraph_type", &Samplings::subgraph_type...);
  visit("disjoint", &Samplings::disjoint...);
  visit("time_attr", &Samplings::time_attr...);
  visit("temporal_strategy", &Samplings::temporal_strategy...);
  visit("weight_attr", &Samplings::weight_attr...);
  visit("input_type", &Samplings::input_type...);
  visit("input_mask", &Samplings::input_mask...);
  visit("input_time", &Samplings::input_time...);
  visit("links", &Samplings::links...);
  visit("partition", &Samplings::partition...);
}

template <typename... Links, typename Visitor>
void VisitLinkFields(Visitor&& visit) {
  visit("edge_type", &Links::edge_type...);
  visit("sources", &Links::sources...);
  visit("targets", &Links::targets...);
  visit("labels", &Links::labels...);
  visit("negative_mode", &Links::negative_mode...);
  visit("negative_amount", &Links::negative_amount...);
  visit("exclude_seed_edges", &Links::exclude_seed_edges...);
  visit("float_labels", &Links::float_labels...);
}

// What only a request says: how to make of it what the fields above are.
template <typename Visitor>
void VisitRequestFields(Visitor&& visit) {
  visit("sample_limit", &BatchSpec::sample_limit);
  visit("algorithm_version", &BatchSpec::algorithm_version);
  visit("algorithms", &BatchSpec::algorithms);
  visit("ragged", &BatchSpec::ragged);
}

// The values that clients write, and all their fields.
template <typename T>
struct FieldsOf {};
template <>
struct FieldsOf<BatchSpec> {
  template <typename Visitor>
  static void Visit(Visitor&& visit) {
    VisitSpecFields<BatchSpec>(visit);
    VisitRequestFields(visit);
  }
};
template <>
struct FieldsOf<FixedSizeOptions> {
  template <typename Visitor>
  static void Visit(Visitor&& visit) {
    VisitOptionFields<FixedSizeOptions>(visit);
  }
};
template <>
struct FieldsOf<SamplingSpec> {
  template <typename Visitor>
  static void Visit(Visitor&& visit) {
    VisitSamplingFields<SamplingSpec>(visit);
  }
};
template <>
struct FieldsOf<LinkSeeds> {
  template <typename Visitor>
  static void Visit(Visitor&& visit) {
    VisitLinkFields<LinkSeeds>(visit);
  }
};

template <typename T>
concept HasFields = requires {
  FieldsOf<T>::Visit([](const char*, auto) {});
};

// visit(name, field) for each field of `value`.
template <typename T, typename Visitor>
requires HasFields<std::remove_const_t<T>>
void ForEachField(T& value, Visitor&& visit) {
  FieldsOf<std::remove_const_t<T>>::Visit(
      [&](const char* name, auto member) { visit(name, value.*member); });
}

// A visitor of two values at once that copies the fields of equal types.
template <typename From, typename To>
auto CopyFields(const From& from, To& to) {
  return [&from, &to](const char* /*name*/, auto source, auto target) {
    if constexpr (std::is_same_v<decltype(from.*source), decltype(std::as_const(to).*target)>) {
      to.*target = from.*source;
    }
  };
}

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_SPEC_FIELDS_H_
