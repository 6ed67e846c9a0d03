DROP TABLE signup_stats;
DROP TABLE user_profiles;
DROP TABLE users;
