package wire

import "testing"

func TestSDKMethodsHaveTheirOfficialNames(t *testing.T) {
	for op, want := range map[string]string{
		"SamplingClient.Sample":                          "SamplingClient.sample",
		"SamplingClient.SampleAsync":                     "SamplingClient.sample",
		"SamplingClient.ComputeLogprobsAsync":            "SamplingClient.compute_logprobs",
		"SamplingClient.Tokenizer":                       "SamplingClient.get_tokenizer",
		"ServiceClient.Capabilities":                     "RestClient.get_server_capabilities",
		"ServiceClient.Close":                            "ServiceClient.close",
		"ServiceClient.CreateLoRATrainingClient":         "ServiceClient.create_lora_training_client",
		"TrainingClient.SaveWeightsAndGetSamplingClient": "TrainingClient.save_weights_and_get_sampling_client",
	} {
		if got := SDKMethod(op); got != want {
			t.Errorf("SDKMethod(%q) = %q, want %q", op, got, want)
		}
	}
}
