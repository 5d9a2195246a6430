package wire

import (
	"strings"
	"unicode"
)

// officialMethods are the SDK calls whose official names do not follow from
// ours, and the one that is made most.
var officialMethods = map[string]string{
	"SamplingClient.Sample":                  "SamplingClient.sample",
	"ServiceClient.Capabilities":             "RestClient.get_server_capabilities",
	"ServiceClient.CreateLoRATrainingClient": "ServiceClient.create_lora_training_client",
	"SamplingClient.Tokenizer":               "SamplingClient.get_tokenizer",
}

// SDKMethod is the [HeaderSDKMethod] of an SDK call: the official client's name
// for "SamplingClient.ComputeLogprobsAsync" is "SamplingClient.compute_logprobs",
// whether the caller waits or not.
func SDKMethod(op string) string {
	op = strings.TrimSuffix(op, "Async")
	if name, ok := officialMethods[op]; ok {
		return name
	}
	class, method, _ := strings.Cut(op, ".")
	var b strings.Builder
	b.WriteString(class + ".")
	for i, r := range method {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
