#include "tasks/example_output.h"

namespace expandft {

double ExampleOutput::log_prob() const {
  double sum = 0;
  for (const Likelihood& likelihood : likelihoods) sum += likelihood.log_prob;
  return sum;
}

std::int64_t ExampleOutput::tokens() const {
  std::int64_t sum = 0;
  for (const Likelihood& likelihood : likelihoods) sum += likelihood.tokens;
  return sum;
}

Json outputs_json(const BatchOutputs& outputs) {
  Json list = Json::array();
  for (const ExampleOutput& output : outputs) {
    Json likelihoods = Json::array();
    for (const Likelihood& one : output.likelihoods) {
      likelihoods.push_back({one.log_prob, one.tokens, one.greedy});
    }
    list.push_back({{"likelihoods", likelihoods}, {"text", output.text}});
  }
  return list;
}

BatchOutputs parse_outputs(const Json& json) {
  BatchOutputs outputs;
  for (const Json& one : json) {
    ExampleOutput& output = outputs.emplace_back();
    output.text = one.at("text").get<std::string>();
    for (const Json& likelihood : one.at("likelihoods")) {
      output.likelihoods.push_back({likelihood.at(0).get<double>(),
                                    likelihood.at(1).get<std::int64_t>(),
                                    likelihood.at(2).get<bool>()});
    }
  }
  return outputs;
}

}  // namespace expandft
