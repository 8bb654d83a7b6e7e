#pragma once
#include <string>
#include <utility>
#include <vector>

namespace rlhf::test {

/// One line of each format that is written, in the form our writer gives it.
inline const std::vector<std::pair<std::string, std::string>>& canonical_lines() {
  static const std::vector<std::pair<std::string, std::string>> kLines =
      {
          {"trl-language-modeling", R"({"text":"once upon","id":"7","license":"MIT"})"},
          {"trl-language-modeling",
           R"({"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]})"},
          {"trl-prompt-only", R"({"prompt":"Say \"a\"\n"})"},
          {"trl-prompt-only", R"({"prompt":"b","id":"9","source":"s","split":"dev"})"},
          {"trl-prompt-only",
           R"({"prompt":[{"role":"system","content":""},{"role":"user","content":"hi"}]})"},
          {"trl-prompt-completion", R"({"prompt":"a","completion":" b"})"},
          {"trl-prompt-completion",
           R"({"prompt":"a2","completion":" c","id":"9","source":"s","split":"dev","annotator":"ann"})"},
          {"trl-prompt-completion",
           R"({"prompt":[{"role":"user","content":"a"}],"completion":[{"role":"assistant","content":"b"}]})"},
          {"trl-preference",
           R"({"prompt":"p","chosen":" a","rejected":" b","margin":0.25,"chosen_model":"x","rejected_model":"y","score_chosen":9.0,"score_rejected":2.0,"id":"q1","annotator":"ann","confidence":3.0})"},
          {"trl-preference",
           R"({"prompt":[{"role":"user","content":"p"}],"chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]})"},
          {"trl-preference-implicit", R"({"chosen":"The sky is blue.","rejected":"The sky is green."})"},
          {"trl-preference-implicit",
           R"({"chosen":[{"role":"user","content":"p"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"p"},{"role":"assistant","content":"b"}]})"},
          {"trl-unpaired", R"({"prompt":"p","completion":" a","label":false,"annotator":"ann","model":"m"})"},
          {"ratings",
           R"({"prompt":"p","completion":" a","ratings":{"helpful":3,"true":-0.5},"model":"m","id":"7","annotator":"ann"})"},
          {"hh", R"({"chosen":"\n\nHuman: a\n\nAssistant: b","rejected":"\n\nHuman: a\n\nAssistant: c"})"},
          {"hh",
           R"({"chosen":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d","rejected":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: e","margin":1.0,"chosen_model":"m","score_chosen":1.5,"id":"3","annotator":"ann"})"},
          {"kwise",
           R"({"prompt":"p","responses":[{"text":"a","model":"m","id":"r1","ratings":{"overall":4.5}},{"text":"b"},{"text":"c"}],"ranks":[2,1,2],"id":"5","source":"s","split":"train","license":"CC0","annotator":"ann","confidence":0.5,"note":"n"})"},
          {"kwise-columns",
           R"({"prompt":"p","response_1":"a","rank_1":2,"model_1":"m","response_2":"b","rank_2":1,"response_3":"c","rank_3":2,"id":"5","source":"s","annotator":"ann"})"},
          {"oasst",
           R"({"message_tree_id":"m3","tree_state":"ready_for_export","prompt":{"message_id":"m3-0","text":"Q","role":"prompter","deleted":false,"replies":[{"message_id":"m3-1","text":"A","role":"assistant","deleted":false,"replies":[{"message_id":"m3","text":"Q2","role":"prompter","deleted":false,"replies":[{"message_id":"a","text":"A","role":"assistant","deleted":false,"replies":[],"rank":0},{"message_id":"b","text":"B","role":"assistant","deleted":false,"replies":[],"rank":0}]}]}]},"source":"s","annotator":"ann"})"},
          {"oasst",
           R"({"message_tree_id":"t","tree_state":"ready_for_export","prompt":{"message_id":"t","text":"Q","role":"prompter","deleted":false,"replies":[{"message_id":"a","text":"A","role":"assistant","deleted":false,"replies":[],"rank":1},{"message_id":"b","text":"B","role":"assistant","deleted":false,"replies":[],"rank":0,"synthetic":true,"model_name":"m"}]}})"},
          {"alpaca", R"({"instruction":"a","input":"","output":"b","generator":"m"})"},
          {"alpaca",
           R"({"instruction":"c","input":"","output":"d","system":"s","history":[["a","b"]],"id":"1"})"},
          {"alpaca-eval",
           R"({"instruction":"p","output_1":"a","generator_1":"x","output_2":"b","generator_2":"y","preference":1.25,"source":"helpful_base","annotator":"gpt"})"},
          {"alpaca-eval",
           R"({"instruction":"p","output_1":"a","generator_1":"","output_2":"b","generator_2":"y","preference":0.0})"},
          {"arena", R"({"question_id":"q","model_a":"x","model_b":"y","winner":"model_b","judge":"j","conversation_a":[{"role":"user","content":"p"},{"role":"assistant","content":"a"}],"conversation_b":[{"role":"user","content":"p"},{"role":"assistant","content":"b"}],"split":"train"})"},
          {"arena",
           R"j({"model_a":"x","model_b":"y","winner":"tie (bothbad)","conversation_a":[{"role":"user","content":"p"},{"role":"assistant","content":"a"}],"conversation_b":[{"role":"user","content":"p"},{"role":"assistant","content":"b"}]})j"},
          {"ultrafeedback",
           R"({"instruction":"p","models":["x","y","z"],"completions":[{"model":"x","response":"a","annotations":{"helpfulness":{"Rating":"5"},"honesty":{"Rating":"3.5"}},"overall_score":8.5,"fine-grained_score":4.25},{"model":"y","response":"b","annotations":{},"overall_score":9},{"model":"z","response":"c","annotations":{},"overall_score":8.5}],"source":"flan","annotator":"gpt-4"})"},
          {"summarize-from-feedback",
           R"({"info":{"id":"t3_1","post":"Long\n\nPOST: story","title":"Help","subreddit":"AskReddit"},"summaries":[{"text":" short","policy":"sup1"},{"text":" shorter","policy":"ref"}],"choice":1,"worker":"w","split":"train","extra":{"confidence":7.0}})"},
          {"summarize-from-feedback",
           R"({"info":{"article":"News"},"summaries":[{"text":"a"},{"text":"b"},{"text":"c"}],"choice":0})"},
          {"summarize-from-feedback-axis",
           R"({"info":{"id":"x","article":"News"},"summary":{"text":"n","policy":"p","axes":{"accuracy":7.0,"overall":6.0}},"worker":"w"})"},
          {"label-studio",
           R"({"id":"7","data":{"prompt":"p","items":[{"id":"1","title":"Response 1","body":"a"},{"id":"2","title":"Response 2","body":"b"}]},"annotations":[{"result":[{"from_name":"rank","to_name":"items","type":"ranker","value":{"ranker":{"rank":["2","1"]}}}],"was_cancelled":false,"completed_by":{"email":"e@x"}}],"meta":{"source":"s","confidence":2.0}})"},
          {"argilla",
           R"({"id":"7","fields":{"prompt":"p","response-1":"a","response-2":"b"},"metadata":{},"suggestions":{},"responses":{"ranking":[{"value":[{"value":"response-2","rank":1},{"value":"response-1","rank":2}],"user_id":"5f0c1f0e-97a5-4a1c-9a52-0f4c8f2f0d3b","status":"submitted"}]}})"},
          {"argilla",
           R"({"fields":{"prompt":[{"role":"user","content":"p"}],"response-1":"a","response-2":"b"},"metadata":{"source":"s","split":"dev","annotator":"ann","note":"n"},"suggestions":{},"responses":{"ranking":[{"value":[{"value":"response-1","rank":1},{"value":"response-2","rank":1}],"user_id":"82423b79-c925-8a2e-8784-7822fdc3e094","status":"submitted"}]}})"},
          {"argilla",
           R"({"fields":{"prompt":"p","response-1":"a","response-2":"b"},"metadata":{},"suggestions":{},"responses":{"ranking":[{"value":[{"value":"response-1","rank":1},{"value":"response-2","rank":2}],"user_id":"00000000-0000-0000-0000-000000000000","status":"submitted"}]}})"},
          {"sharegpt", R"({"conversations":[{"from":"human","value":"hi"},{"from":"gpt","value":"ho"}]})"},
      };
  return kLines;
}

}  // namespace rlhf::test
