//! Owns all configuration: flag over environment over file over default. The only reader of the environment.
