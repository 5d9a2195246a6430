package wire

// TypeCreateModel is the Type of both messages about a new model to train.
const TypeCreateModel = "create_model"

// A CreateModelRequest begins a training run. Its answer is a Promise of a
// CreateModelResponse.
type CreateModelRequest struct {
	SessionID       string            `json:"session_id"`
	ModelSeqID      int64             `json:"model_seq_id"` // 0, 1, 2 ... per session
	BaseModel       string            `json:"base_model"`
	UserMetadata    map[string]string `json:"user_metadata,omitzero"`
	LoRAConfig      LoRAConfig        `json:"lora_config"`
	OptimizerConfig OptimizerConfig   `json:"optimizer_config"`
	Type            string            `json:"type,omitzero"`
}

// A LoRAConfig says which low-rank matrices are trained: at least one kind.
type LoRAConfig struct {
	Rank         int    `json:"rank"`
	Seed         *int64 `json:"seed,omitzero"`
	TrainUnembed bool   `json:"train_unembed"`
	TrainMLP     bool   `json:"train_mlp"`
	TrainAttn    bool   `json:"train_attn"`
}

// OptimizerAdamW is the Type of the default OptimizerConfig.
const OptimizerAdamW = "adamw"

// An OptimizerConfig is what a model is trained with.
type OptimizerConfig struct {
	Type string `json:"type"`
}

// A CreateModelResponse names the new model.
type CreateModelResponse struct {
	ModelID string `json:"model_id"`
	Type    string `json:"type,omitzero"`
}

// TypeGetInfo is the Type of both messages about what a model is.
const TypeGetInfo = "get_info"

// A GetInfoRequest asks what a model is.
type GetInfoRequest struct {
	ModelID string `json:"model_id"`
	Type    string `json:"type,omitzero"`
}

// A GetInfoResponse says it. ModelData is always there, its members may not be.
type GetInfoResponse struct {
	Type            string          `json:"type,omitzero"`
	ModelData       ModelData       `json:"model_data"`
	ModelID         string          `json:"model_id"`
	IsLoRA          bool            `json:"is_lora,omitzero"`
	LoRARank        int             `json:"lora_rank,omitzero"`
	ModelName       string          `json:"model_name,omitzero"`
	OptimizerConfig OptimizerConfig `json:"optimizer_config,omitzero"`
}

// ModelData is what a model is made of.
type ModelData struct {
	Arch        string `json:"arch,omitzero"`
	ModelName   string `json:"model_name,omitzero"`
	TokenizerID string `json:"tokenizer_id,omitzero"`
}

// TypeSaveWeightsForSampler is the Type of both messages about weights to sample
// from.
const TypeSaveWeightsForSampler = "save_weights_for_sampler"

// What a sampling session on a model in training samples from.
const (
	WeightsSnapshot = "snapshot" // the weights as they are when they are saved
	WeightsInflight = "inflight" // the weights of this save or of a later one
)

// A SaveWeightsForSamplerRequest saves a model's weights to sample from: under a
// name, if Path is set, or for a new sampling session, whose number is then set.
// Its answer is a Promise of a SaveWeightsForSamplerResponse.
type SaveWeightsForSamplerRequest struct {
	ModelID              string            `json:"model_id"`
	Path                 string            `json:"path,omitzero"`
	SamplingSessionSeqID *int64            `json:"sampling_session_seq_id,omitzero"`
	Kind                 string            `json:"kind"`   // WeightsSnapshot or WeightsInflight
	SeqID                int64             `json:"seq_id"` // from 1 on per model, whatever is done to it
	TTLSeconds           *int64            `json:"ttl_seconds,omitzero"`
	UserMetadata         map[string]string `json:"user_metadata,omitzero"`
	Type                 string            `json:"type,omitzero"`
}

// A SaveWeightsForSamplerResponse says where the weights are: a path for those
// with a name, else a sampling session.
type SaveWeightsForSamplerResponse struct {
	Path              string `json:"path,omitzero"`
	SamplingSessionID string `json:"sampling_session_id,omitzero"`
	Type              string `json:"type,omitzero"`
}
