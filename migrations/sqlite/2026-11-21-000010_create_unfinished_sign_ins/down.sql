DROP TABLE unfinished_sign_ins;
