#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "../../examples/compare_strategies/metrics.hpp"
#include "folders.hpp"
#include "run_example.hpp"

namespace examples_compare_strategies_test {

namespace {

const std::string units =
    "--data \"" + source_folder() +
    "/examples/data/icu_networks.csv\" --target died --site-column network "
    "--features Age,ApacheIIScore,BMI,male,elective,emergency --test-every 5 --standardise global ";
const std::string lung =
    "--data \"" + source_folder() +
    "/examples/data/lung_hospitals.csv\" --task cox --time-column time --event-column dead "
    "--site-column hospital --features age,sex,ph.ecog --test-every 5 --standardise global ";

nlohmann::json results_of(const std::string& flags) {
  const ExampleFolder folder;
  const std::string path = folder.path("results.json").string();
  const ProgramResult result = run_example("compare_strategies", flags + " --json \"" + path + "\"");
  INFO(flags, "\n", result.output);
  REQUIRE(result.status == 0);
  return nlohmann::json::parse(std::ifstream(path));
}
const nlohmann::json& contender(const nlohmann::json& results, const std::string& name) {
  for (const nlohmann::json& entry : results.at("contenders")) {
    if (entry.at("name") == name) return entry;
  }
  throw std::runtime_error("no contender " + name);
}
double final_value(const nlohmann::json& results, const std::string& name, const std::string& metric,
                   const std::string& scope = "pooled") {
  return contender(results, name).at("final").at(metric).at(scope).at("mean");
}

}  // namespace

TEST_CASE("it reproduces an independent implementation of FedAvg and FedProx") {
  // numpy 1.24.2, the same rows for testing, scaling, steps and rates; its penalty of 1 is on a sum over 1588 rows.
  const auto five =
      results_of(units + "--l2 6.2972292191435767e-4 --rounds 100 --local-steps 5 --learning-rate 0.5");
  CHECK(final_value(five, "fedavg", "auc") == doctest::Approx(0.7265837104072398).epsilon(1e-12));
  CHECK(final_value(five, "fedavg", "accuracy") == doctest::Approx(0.7783375314861462).epsilon(1e-12));
  const auto ten = results_of(units +
                              "--l2 6.2972292191435767e-4 --rounds 200 --local-steps 10 --learning-rate 0.5 "
                              "--strategies fedavg,fedprox:mu=0.1");
  CHECK(final_value(ten, "fedavg", "auc") == doctest::Approx(0.7266214177978884).epsilon(1e-12));
  CHECK(final_value(ten, "fedprox:mu=0.1", "auc") == doctest::Approx(0.7265837104072398).epsilon(1e-12));
  CHECK(contender(ten, "fedavg").at("rounds_to_goal").at("mean") == 1);
}

TEST_CASE("a protocol with local batches, five seeds and survival: everything is reported") {
  const auto results = results_of(
      lung +
      "--rounds 5 --local-steps 100 --batch 8 --learning-rate 0.01 --seeds 5 --strategies fedavg,scaffold");
  const nlohmann::json& fedavg = contender(results, "fedavg");
  const nlohmann::json& metric = fedavg.at("final").at("c_index");
  CHECK(metric.at("pooled").at("seeds").size() == 5);
  CHECK(metric.at("pooled").at("sd") > 0);  // batches differ
  CHECK(metric.at("pooled").at("mean") > 0.5);
  CHECK(metric.at("sites").size() == 10);
  CHECK(metric.at("worst_tenth").at("mean") <= metric.at("mean_of_sites").at("mean"));
  CHECK(results.at("contenders").at(0).at("name") == "pooled");
  CHECK(results.at("contenders").at(1).at("name") == "each alone");
  CHECK(fedavg.at("curve").at("round") == nlohmann::json({1, 2, 3, 4, 5}));
  CHECK(fedavg.at("bytes_up") == 5 * 10 * 3 * 8);  // rounds, hospitals, coefficients, a double each
  CHECK(contender(results, "scaffold").at("bytes_up") == 2 * 5 * 10 * 3 * 8);
  CHECK(results.at("manifest").at("program") == "compare_strategies");
  CHECK(results.at("metrics") == nlohmann::json({"c_index", "loss"}));
}

TEST_CASE("every strategy, rule, compressor, task and attack runs") {
  const std::string short_run = " --rounds 2 --local-steps 2 --learning-rate 0.1 ";
  const auto strategies =
      results_of(units + short_run +
                 "--strategies "
                 "fedavg,fedprox,fedavgm,fedadagrad,fedadam,fedyogi,scaffold,feddyn,fednova,qfedavg,fedbuff,"
                 "cyclic,ditto,"
                 "fedper:layers=intercept,fedprox:mu=1:learning_rate=0.1/step:0.5:1+median+float16");
  CHECK(strategies.at("contenders").size() == 2 + 15);
  const auto rules = results_of(
      units + short_run +
      "--strategies fedavg+reproducible_mean,fedavg+median,fedavg+trimmed_mean:trim=0.2,"
      "fedavg+mean_of_closest:count=5,fedavg+krum:malicious=1,fedavg+multi_krum:malicious=1:keep=3,"
      "fedavg+bulyan:malicious=1,fedavg+geometric_median,fedavg+centered_clipping:radius=2,"
      "fedavg+norm_bounded_mean:bound=2 --attack sign_flip:0.13");
  const auto compressors =
      results_of(units + short_run +
                 "--strategies fedavg+top_k:share=0.5,fedavg+random_k:share=0.5,fedavg+qsgd,fedavg+sign,"
                 "fedavg+bfloat16,fedavg+int8,fedavg+float16");
  for (const nlohmann::json* results : {&strategies, &rules, &compressors}) {
    for (const nlohmann::json& entry : results->at("contenders")) {
      INFO(entry.at("name"));
      CHECK(entry.at("problems").at(0).is_null());
      CHECK(entry.at("final").at("loss").at("mean_of_sites").at("mean").is_number());
    }
  }
  const double plain = contender(strategies, "fedavg").at("bytes_up");
  CHECK(contender(compressors, "fedavg+float16").at("bytes_up") == plain / 4);
  CHECK(contender(compressors, "fedavg+float16").at("bytes_up_uncompressed") == plain);

  const std::string table = "--data \"" + source_folder() + "/examples/data/icu_networks.csv\" " + short_run;
  const auto linear = results_of(table +
                                 "--task linear --target ApacheIIScore --features Age,BMI --standardise site "
                                 "--partition quantity:0.5 --clients 5 --test-every 4");
  CHECK(linear.at("metrics").at(0) == "r2");
  const auto mlp =
      results_of(table +
                 "--task mlp --hidden 4 --target network --features Age,BMI --partition shards:2 "
                 "--clients 4 --test-column male --attack label_flip:0.25");
  CHECK(mlp.at("metrics").at(0) == "accuracy");
  const auto softmax =
      results_of(table +
                 "--task softmax --target network --features Age,BMI --partition dirichlet:0.5 "
                 "--clients 4 --attack little:0.25 --drop-out 0.3 "
                 "--selection power_of_choice:candidates=3:clients=2");
  CHECK(softmax.at("sites").size() == 4);
}

TEST_CASE("images from IDX files and a convolutional network") {
  const ExampleFolder folder;
  const auto write = [&](const std::string& name, const std::vector<unsigned char>& bytes) {
    std::ofstream file(folder.path(name), std::ios::binary);
    for (const unsigned char byte : bytes) file.put(static_cast<char>(byte));
    return "\"" + folder.path(name).string() + "\"";
  };
  std::vector<unsigned char> images{0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 6, 0, 0, 0, 6};
  std::vector<unsigned char> labels{0, 0, 8, 1, 0, 0, 0, 40};
  for (int i = 0; i < 40; ++i) {  // upright or lying lines
    labels.push_back(static_cast<unsigned char>(i / 2 % 2));
    for (int pixel = 0; pixel < 36; ++pixel) {
      const int at = i / 2 % 2 == 0 ? pixel / 6 : pixel % 6;
      images.push_back(at == 1 + i % 4 ? 255 : 0);
    }
  }
  const std::string data =
      "--data " + write("images.idx", images) + " --labels " + write("labels.idx", labels);
  const auto results = results_of(
      data +
      " --scale 255 --task conv --channels 4 --hidden 8 --partition iid --clients 2 --test-every 5 "
      "--rounds 30 --local-steps 5 --learning-rate 0.2");
  CHECK(final_value(results, "fedavg", "accuracy") == 1);
  const ProgramResult wrong = run_example("compare_strategies", data + " --task logistic");
  CHECK(wrong.status == 2);
  CHECK(wrong.says("--labels: are for --task softmax, mlp or conv"));
}

TEST_CASE("the table in the documentation is what the program says") {
  const auto results = results_of(
      "--partition dirichlet:0.1 --clients 20 --local-steps 50 --rounds 40 --seeds 5 --learning-rate 0.5 "
      "--strategies fedavg,fedprox:mu=1,scaffold,feddyn:alpha=0.3,fedadam");
  std::ifstream file(source_folder() + "/docs/comparing-strategies.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const auto cell = [](const nlohmann::json& value) {
    char text[64];
    std::snprintf(text, sizeof text, "%.4f ± %.4f", value.at("mean").get<double>(),
                  value.at("sd").get<double>());
    return std::string(text);
  };
  for (const char* name : {"fedavg", "fedprox:mu=1", "scaffold", "feddyn:alpha=0.3", "fedadam"}) {
    const nlohmann::json& final = contender(results, name).at("final");
    const std::string row = "| " + std::string(name) + " | " + cell(final.at("auc").at("pooled")) + " | " +
                            cell(final.at("loss").at("pooled")) + " | " +
                            cell(final.at("auc").at("worst_tenth"));
    CAPTURE(row);
    CHECK(page.find(row) != std::string::npos);
  }
}

TEST_CASE("the number of threads changes nothing") {
  const std::string flags =
      units +
      "--rounds 4 --local-steps 3 --batch 16 --seeds 2 --partition dirichlet:0.3 --clients 12 "
      "--attack gaussian:0.2 --drop-out 0.2 --strategies fedavg,fedbuff:size=2,scaffold --threads ";
  const std::string split =
      flags.substr(0, flags.find("--site-column")) + flags.substr(flags.find("--features"));
  const auto one = results_of(split + "1");
  const auto three = results_of(split + "3");
  for (std::size_t i = 0; i < one.at("contenders").size(); ++i) {
    CHECK(one.at("contenders").at(i).at("final") == three.at("contenders").at(i).at("final"));
    CHECK(one.at("contenders").at(i).at("curve") == three.at("contenders").at(i).at("curve"));
  }
}

TEST_CASE("table, CSV and plots are written where they were asked for") {
  const ExampleFolder folder;
  const ProgramResult result = run_example(
      "compare_strategies", units + "--rounds 3 --evaluate-every 2 --seeds 2 --csv \"" +
                                folder.path("deep/all.csv").string() + "\" --plot \"" + folder.str() + "\"");
  CAPTURE(result.output);
  CHECK(result.status == 0);
  CHECK(result.says("1588 rows to train on, 397 to test, 6 features"));
  CHECK(result.says("+- "));
  CHECK(result.says("auc at each site"));
  for (const char* name : {"convergence_auc.png", "convergence_loss.png", "time_auc.png", "manifest.json"}) {
    CHECK(std::filesystem::file_size(folder.path(name)) > 500);
  }
  std::ifstream csv(folder.path("deep/all.csv"));
  std::string line;
  std::getline(csv, line);
  CHECK(line == "strategy,seed,round,metric,scope,value");
  std::size_t rows = 0;
  while (std::getline(csv, line)) {
    if (line.starts_with("fedavg,1,3,auc,")) ++rows;  // rounds 2 and 3 are evaluated
  }
  CHECK(rows == 3 + 8);  // pooled, mean of the sites, worst tenth; eight sites
}

TEST_CASE("an end that comes early is told, and the others go on") {
  const auto results = results_of(units + "--rounds 4 --strategies fedavg+krum:malicious=6,fedavg");
  const std::string problem = contender(results, "fedavg+krum:malicious=6").at("problems").at(0);
  CHECK(problem.find("Krum") != std::string::npos);
  CHECK(contender(results, "fedavg").at("problems").at(0).is_null());
  const auto attacked =
      results_of(units + "--rounds 4 --strategies fedbuff,fedavg --attack inner_product:0.2");
  CHECK_FALSE(contender(attacked, "fedbuff").at("problems").at(0).is_null());  // it needs whole rounds
  CHECK(contender(attacked, "fedavg").at("problems").at(0).is_null());
}

TEST_CASE("help, the list, and wrong flags, which are refused before anything runs") {
  CHECK(run_example("compare_strategies", "--help").says("--strategies"));
  const ProgramResult list = run_example("compare_strategies", "--list");
  CHECK(list.status == 0);
  CHECK(list.says("centered_clipping   radius, iterations"));
  const auto refused = [](const std::string& flags, const std::string& message) {
    const ProgramResult result = run_example("compare_strategies", flags);
    INFO(flags, "\n", result.output);
    CHECK(result.status == 2);
    CHECK(result.says(message));
    CHECK_FALSE(result.says("[1/"));
  };
  refused("--strategies fedprox:nu=1", "fedprox has no setting \"nu\"; it has: local_steps");
  refused("--strategies fedsgd", "there is no strategy \"fedsgd\"; there are: fedavg, fedprox");
  refused("--strategies fedavg+mode", "there is no rule or compressor \"mode\"");
  refused("--strategies fedavg+top_k:share=2", "TopK: share must be in (0, 1]");
  refused("--strategies fedavg+trimmed_mean:trim=0.7", "TrimmedMean");
  refused("--strategies fedprox:mu=x", "expected a number for \"mu\", got \"x\"");
  refused("--strategies fedprox:mu=1:mu=2", "\"mu\" is given twice");
  refused("--strategies fedprox:0.1", "expected key=value");
  refused("--learning-rate 0.1/stairs:2", "/cosine:ROUNDS");
  refused("--selection some", "there are: all, fraction");
  refused("--attack sing_flip:0.2", "did you mean \"sign_flip\"?");
  refused("--partition dirichlet", "dirichlet:ALPHA");
  refused("--task cox --data x.csv", "--time-column");
  refused("--data x.csv", "--target");
  refused("--data x.csv --target y", "x.csv");
  refused(lung + "--target age", "not for --task cox");
  refused(lung + "--attack label_flip:0.2", "label_flip needs a task with classes");
}

TEST_CASE("metrics by hand") {
  compare::Predictions p{{}, {3, 1, 2, 2}, {1, 1, 0, 1}, {1, 4, 2, 2}};
  p.metrics.add("loss", 2, 4);
  // Comparable: first with all others (3), the event at 2 with the censored one at 2 and with the one at 4; scores 2 and 2 tie.
  CHECK(compare::concordance(p) == doctest::Approx((3 + 0.5 + 1) / 5).epsilon(1e-15));
  CHECK(compare::metric("loss", p) == 0.5);
  CHECK(std::isnan(compare::metric("auc", {})));
  compare::Predictions line{{}, {1, 2, 4}, {1, 2, 3}, {}};
  line.metrics.add("loss", 1, 1);
  CHECK(compare::metric("r2", line) == doctest::Approx(0.5).epsilon(1e-15));
  CHECK(compare::worst_tenth({0.9, 0.5, std::nan(""), 0.7}, true) == 0.5);
  CHECK(compare::worst_tenth({0.9, 0.5, 0.7}, false) == 0.9);
  const auto both = compare::MeanAndSd::of({1, 3, std::nan("")});
  CHECK(both.mean == 2);
  CHECK(both.sd == doctest::Approx(std::sqrt(2.0)));
}

}  // namespace examples_compare_strategies_test
